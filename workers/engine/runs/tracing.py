"""The span of a run, and the trace context for its log lines and the jobs that it submits."""

import structlog

from service.domain import trace_context
from service.domain.outcome import Crashed, Failed, Outcome, Refused
from service.telemetry import logs, spans
from service.telemetry.spans import Tracer
from workers.engine.runs.run import Run, RunState

log = structlog.get_logger("triage.run")


class RunTracing:
    """Call `begin` in the task of the run, so that only its handler sees the context variables."""

    def __init__(self, tracer: Tracer | None, namespace: str = "") -> None:
        """`namespace`: for log lines of a worker that serves several."""
        self._tracer = tracer
        self._namespace = namespace
        # Bound once: structlog's proxy costs a microsecond for each line that is then not written.
        self._log = log.bind()

    def begin(self, run: Run) -> None:
        job, claimed_at, tracer = run.lease.job, run.times.claimed_at, self._tracer
        traceparent = job.traceparent
        if tracer is not None:
            attributes = {
                "messaging.destination.name": job.queue,
                "messaging.message.id": job.id,
                "triage.job.name": job.name,
                "triage.job.attempt": job.attempt,
            }
            if job.queued_at is not None:
                wait = tracer.start(f"wait {job.name}", "internal", traceparent, attributes, job.queued_at)
                wait.end(at_ms=claimed_at)
                # A job that was submitted without a trace starts one here.
                traceparent = traceparent or wait.traceparent
            run.span = tracer.start(f"run {job.name}", "consumer", traceparent, attributes, claimed_at)
            run.span.activate()
            traceparent = run.span.traceparent
        run.context["traceparent"] = traceparent
        spans.CURRENT.set(traceparent)
        ids = {"job_id": job.id}
        if self._namespace:
            ids["namespace"] = self._namespace
        if traceparent is not None:
            ids["trace_id"] = trace_context.trace_id(traceparent) or ""
        logs.IDS.set(ids)

    def end(self, run: Run, outcome: Outcome, at_ms: int) -> None:
        span, run.span = run.span, None
        self._log.debug("run_ended", job_id=run.job_id, outcome=type(outcome).__name__.lower(), why=run.why)
        if span is not None:
            span.end("LeaseLost" if run.state is RunState.LEASE_LOST else _error_type(outcome), at_ms)


def _error_type(outcome: Outcome) -> str | None:
    match outcome:
        case Failed(failure=failure) | Crashed(failure=failure):
            return failure.type
        case Refused(reason=reason):
            return str(reason)
        case _:
            return None
