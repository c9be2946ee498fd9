"""The spans of a run, each of which ends exactly once."""

import asyncio
import contextvars
from dataclasses import replace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.domain.job import Lease
from service.domain.outcome import Failed, Failure, Interrupted, Outcome, Succeeded
from service.telemetry import logs
from service.telemetry import spans as tracing
from service.telemetry.otel import OtelTracer
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.calls.invocation import Handler
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.tracing import RunTracing

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def _work(ctx: object) -> None: ...


def run_of(traceparent: str | None = PARENT) -> Run:
    job = replace(lease().job, traceparent=traceparent, queued_at=1_000, started_at=3_000)
    handler = Handler("scripted", _work, "async", __name__, None)
    return Run(Lease(job, "token"), handler, context(Notes()), slot(), times(claimed_at=3_000))


def traced(tracing_: RunTracing, run: Run, outcome: Outcome, stop: RunState | None = None) -> None:
    """Started and ended inside a task, as a run is; context that it sets is gone afterwards."""

    def task() -> None:
        tracing_.begin(run)
        if stop is not None:
            run.enter(stop)
        tracing_.end(run, outcome, 5_000)

    contextvars.copy_context().run(task)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def with_tracer(spans: InMemorySpanExporter) -> RunTracing:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return RunTracing(OtelTracer(provider))


async def test_wait_and_run_last_as_long_as_the_job_waited_and_ran(
    with_tracer: RunTracing, spans: InMemorySpanExporter
) -> None:
    traced(with_tracer, run_of(), Succeeded(b"1"))

    wait, run = spans.get_finished_spans()
    assert (wait.name, wait.start_time, wait.end_time) == ("wait scripted", 1_000_000_000, 3_000_000_000)
    assert (run.name, run.start_time, run.end_time) == ("run scripted", 3_000_000_000, 5_000_000_000)
    assert run.status.is_unset


@pytest.mark.parametrize(
    ("outcome", "stop", "error_type"),
    [
        (Failed(Failure("ValueError", "no")), None, "ValueError"),
        (Interrupted(), RunState.DRAINED, None),
        (Interrupted(), RunState.LEASE_LOST, "LeaseLost"),
    ],
)
async def test_a_failed_run_records_its_error_type(
    with_tracer: RunTracing,
    spans: InMemorySpanExporter,
    outcome: Outcome,
    stop: RunState | None,
    error_type: str | None,
) -> None:
    traced(with_tracer, run_of(), outcome, stop)

    assert (spans.get_finished_spans()[-1].attributes or {}).get("error.type") == error_type


async def test_a_run_that_is_concluded_twice_is_one_span(
    with_tracer: RunTracing, spans: InMemorySpanExporter
) -> None:
    run = run_of()
    traced(with_tracer, run, Interrupted(), RunState.LEASE_LOST)
    with_tracer.end(run, Interrupted(), 9_000)

    assert [span.name for span in spans.get_finished_spans()] == ["wait scripted", "run scripted"]


async def test_a_run_passes_its_trace_to_its_handler_and_log_lines() -> None:
    seen = {}

    async def task() -> None:
        run = run_of()
        RunTracing(None).begin(run)
        seen.update(ctx=run.context["traceparent"], current=tracing.CURRENT.get(), ids=logs.IDS.get())

    await asyncio.create_task(task())

    assert seen == {"ctx": PARENT, "current": PARENT, "ids": {"job_id": "job_1", "trace_id": TRACE}}
    assert tracing.CURRENT.get() is None


async def test_a_run_without_a_trace_begins_one_where_spans_are_exported(
    with_tracer: RunTracing, spans: InMemorySpanExporter
) -> None:
    run = run_of(None)
    traced(with_tracer, run, Succeeded(b"1"))

    wait, span = spans.get_finished_spans()
    assert span.context is not None
    assert wait.context is not None
    assert wait.context.trace_id == span.context.trace_id
    begin = f"00-{span.context.trace_id:032x}-{span.context.span_id:016x}-"
    assert run.context["traceparent"].startswith(begin)
