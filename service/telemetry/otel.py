"""OpenTelemetry spans; only imported if its SDK is installed (the extra `otel`)."""

from collections.abc import Mapping

from opentelemetry import context, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags
from opentelemetry.trace.span import Span

from service.telemetry.spans import Kind

_KINDS: Mapping[Kind, SpanKind] = {
    "producer": SpanKind.PRODUCER,
    "internal": SpanKind.INTERNAL,
    "consumer": SpanKind.CONSUMER,
}


def configured_provider() -> TracerProvider | None:
    provider = trace.get_tracer_provider()
    return provider if isinstance(provider, TracerProvider) else None


def export(service: str) -> None:
    """Send spans to the collector in a separate thread: an unavailable collector loses spans, not jobs."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if configured_provider() is not None:
        return
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


class OtelSpan:
    """A span with its traceparent."""

    def __init__(self, span: Span) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        named = self._span.get_span_context()
        return f"00-{named.trace_id:032x}-{named.span_id:016x}-{int(named.trace_flags):02x}"

    def activate(self) -> None:
        context.attach(trace.set_span_in_context(self._span))

    def end(self, error_type: str | None = None, at_ms: int | None = None) -> None:
        if error_type is not None:
            self._span.set_status(StatusCode.ERROR)
            self._span.set_attribute("error.type", error_type)
        self._span.end(_nanoseconds(at_ms))


class OtelTracer:
    """Starts spans with one provider: in production the global one, which handlers' own spans also use."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("triage")

    def start(
        self,
        name: str,
        kind: Kind,
        parent: str | None,
        attributes: Mapping[str, str | int],
        at_ms: int | None = None,
    ) -> OtelSpan:
        """Start a child of this process's current span, otherwise of `parent`, otherwise a new trace."""
        span = self._tracer.start_span(
            name,
            context=None if trace.get_current_span().get_span_context().is_valid else _remote(parent),
            kind=_KINDS[kind],
            attributes={"messaging.system": "triage", **attributes},
            start_time=_nanoseconds(at_ms),
        )
        return OtelSpan(span)


def _remote(parent: str | None) -> context.Context | None:
    if parent is None:
        return None
    _, trace_id, span_id, flags = parent.split("-")
    named = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    return trace.set_span_in_context(NonRecordingSpan(named))


def _nanoseconds(ms: int | None) -> int | None:
    return None if ms is None else ms * 1_000_000
