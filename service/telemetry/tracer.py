"""Which tracer a process uses: OpenTelemetry's where it is installed and configured, else none."""

import os
import sys

import structlog

from service.telemetry.spans import Tracer

log = structlog.get_logger("triage.tracing")


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
