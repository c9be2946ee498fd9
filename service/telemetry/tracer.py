"""Chooses the tracer of a process: OpenTelemetry's if installed and configured, otherwise none."""

import os
import sys

import structlog

from service.telemetry.spans import Tracer

log = structlog.get_logger("triage.tracing")


def find_tracer() -> Tracer | None:
    """OpenTelemetry's tracer if a tracer provider is set; otherwise imports nothing of it."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        # Code that sets a provider has imported this module.
        return None
    from service.telemetry.otel import OtelTracer, configured_provider

    provider = configured_provider()
    return None if provider is None else OtelTracer(provider)


def configure_tracing(service: str) -> None:
    """Export spans if OTEL_EXPORTER_OTLP_ENDPOINT is set; only entry points call it."""
    if not any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_")):
        return
    try:
        from service.telemetry.otel import export

        export(service)
    except ImportError:
        log.warning("tracing_is_not_installed", extra="otel")
