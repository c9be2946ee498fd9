"""Handlers of a worker that exports its spans as JSON lines, set up as an OpenTelemetry user would."""

import json
import os
from pathlib import Path
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from workers.handler import NonRetryable, job


def _line(span: ReadableSpan) -> str:
    return json.dumps(json.loads(span.to_json())) + "\n"


if path := os.environ.get("TRACED_SPANS"):
    provider = TracerProvider()
    out = Path(path).open("a", buffering=1)  # noqa: SIM115 (as long as the process)
    exporter = ConsoleSpanExporter(out=out, formatter=_line)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


@job
async def traced(ctx: Any, depth: int = 0, fail: bool = False) -> Any:
    """Enqueue itself `depth` times; returns its position in the trace."""
    if fail:
        raise NonRetryable("asked to fail")
    with trace.get_tracer("handler").start_as_current_span("inside"):
        child = None
        if depth:
            child = (await ctx["redis"].enqueue_job("traced", depth=depth - 1)).job_id
        return {"traceparent": ctx["traceparent"], "child": child}


@job(executor="process")
def traced_process(ctx: Any) -> Any:
    return ctx["traceparent"]


@job(executor="process")
async def traced_process_parent(ctx: Any) -> Any:
    return (await ctx["redis"].enqueue_job("traced-thread")).job_id


@job
def traced_thread(ctx: Any) -> Any:
    return ctx["traceparent"]
