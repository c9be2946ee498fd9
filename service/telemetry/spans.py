"""Traces through Triage: from a request to its job, to the job's run, to what that run enqueues."""

import os
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol

import structlog

Kind = Literal["producer", "internal", "consumer"]

#: The traceparent of the request or the run at hand.
CURRENT: ContextVar[str | None] = ContextVar("traceparent", default=None)

log = structlog.get_logger("triage.tracing")


class Span(Protocol):
    """`traceparent` names this span: what it leads to is its child."""

    @property
    def traceparent(self) -> str | None: ...

    def activate(self) -> None:
        """Make it the parent of what the task at hand traces by itself."""
        ...

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None: ...


class Tracer(Protocol):
    """Starts spans; times are unix milliseconds, absent = now."""

    def start(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        attributes: Mapping[str, str | int],
        at_ms: int | None = None,
    ) -> Span: ...


@dataclass(frozen=True, slots=True)
class PassedOn:
    """No span: the trace context goes on as it came."""

    traceparent: str | None

    def activate(self) -> None: ...

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None: ...


def find_tracer() -> Tracer | None:
    """OpenTelemetry's, where a tracer provider has been set; elsewhere nothing of it is imported."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        # Whoever set a provider has imported it.
        return None
    from service.telemetry.otel import OtelTracer, configured_provider

    provider = configured_provider()
    return None if provider is None else OtelTracer(provider)


def configure_tracing(service: str) -> None:
    """Export spans where an OTEL_EXPORTER_OTLP_ENDPOINT is named; called by the mains only."""
    if not any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_")):
        return
    try:
        from service.telemetry.otel import export

        export(service)
    except ImportError:
        log.warning("tracing_is_not_installed", extra="otel")
