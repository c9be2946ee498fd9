"""For tests of handlers: runs them like a worker does, without a worker or Redis.

end = await run(process_order, {"order_id": "o-1"})
assert (end.state, end.result) == ("succeeded", {"order_id": "o-1", "status": "fulfilled"})
"""

import asyncio
import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job import Job, Lease
from service.domain.job_spec import specify
from service.domain.outcome import Failure
from service.domain.states import Reason, State
from service.settings import Settings
from service.tasks import end
from workers.calls.invocation import Handler
from workers.engine.executor import Contexts, Executor, Handlers, RunTelemetry
from workers.engine.runs.active_runs import ActiveRuns, FinishPolicy, RunObservers
from workers.engine.runs.runners import Runners
from workers.engine.runs.tracing import RunTracing
from workers.handling.registry import Registry, handler_of
from workers.telemetry.metrics import Metrics
from workers.testing.recorder import Reports, Stage


@dataclass(frozen=True, slots=True)
class End:
    """The result of a run: `state` is the job's new state, `reason` says why it is dead.

    `delay_seconds` is the time until it runs again, to which a worker adds jitter. `blocked` means that it
    waits for `reports.children`.
    """

    state: State
    result: Any
    error: Failure | None
    reason: Reason | None
    delay_seconds: float
    reports: Reports


async def run(
    function: Callable[..., Any],
    payload: Mapping[str, Any] | None = None,
    *,
    job_id: str | None = None,
    failures: int = 0,
    deferrals: int = 0,
    dependencies: Mapping[str, Any] | None = None,
    context: Mapping[str, Any] | None = None,
    timeout_seconds: float | None = None,
    grace_seconds: float = 5.0,
) -> End:
    """Run a handler once, with the options of its `@job`.

    `failures` is how often the job has failed before, `deferrals` how often this attempt ended in Snooze or
    RateLimited. `dependencies` is what `ctx.dependencies()` returns; children whose keys are in it have
    finished. `context` is what `on_startup` puts into `ctx`. A handler with executor process runs in a thread
    here, and limiters let everything pass. The test stops waiting for a handler `grace_seconds` after its
    timeout.
    """
    handler = handler_of(function)
    if handler.executor == "process":
        handler = replace(handler, executor="async" if inspect.iscoroutinefunction(function) else "thread")
    registry = Registry([handler])
    clock = Clock()
    ids = IdFactory(clock.now_ms, os.urandom)
    job = replace(
        _job(handler, job_id or ids.new("job"), payload or {}, failures, clock.now_ms()), deferrals=deferrals
    )
    if timeout_seconds is not None:
        job = replace(job, timeout_ms=round(timeout_seconds * 1000))
    stage = Stage(registry, dependencies or {}, ids.new)
    # Nothing retries here, so there is no need to wait for a handler that ignores its timeout.
    settings = Settings.model_construct(cancel_grace_seconds=grace_seconds, stuck_threads_seconds=0.0)
    tracing = RunTracing(None)
    policy = FinishPolicy.of(settings, ids.new("wk"), random=lambda: 0.0)
    runs = ActiveRuns(clock, policy, stage, RunObservers(registry.hooks, tracing))
    shared = {"settings": settings, "redis": stage, "limiters": stage, **(context or {})}
    handlers = Handlers(registry, Runners(settings, registry), Contexts(shared, stage, lambda lease: stage))
    executor = Executor(settings, clock, handlers, runs, RunTelemetry(Metrics(), tracing))
    executor.start(Lease(job, "1:test"), clock.now_ms())
    running = runs.by_job[job.id].task
    if running is not None:
        concluded = asyncio.ensure_future(runs.concluded.wait())
        try:
            await asyncio.wait({running, concluded}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await end([running])
            raise
        finally:
            await end([concluded])
    return _end(stage)


async def run_twice(
    function: Callable[..., Any], payload: Mapping[str, Any] | None = None, **options: Any
) -> tuple[End, End]:
    """Run the same job twice, with the same id, as if its worker had died before storing the first result.

    Takes the options of `run`. A handler is idempotent if the second run changes nothing.
    """
    clock = Clock()
    options.setdefault("job_id", IdFactory(clock.now_ms, os.urandom).new("job"))
    return await run(function, payload, **options), await run(function, payload, **options)


def _job(handler: Handler, id: str, payload: Mapping[str, Any], failures: int, now_ms: int) -> Job:
    spec = specify({"name": handler.name, "payload": payload}, handler)
    return Job(
        id=id,
        version=2,
        name=spec.name,
        queue=spec.queue,
        state=State.RUNNING,
        priority=spec.priority,
        payload=spec.payload,
        created_at=now_ms,
        run_at=now_ms,
        queued_at=now_ms,
        started_at=now_ms,
        retry=spec.retry,
        timeout_ms=spec.timeout_ms,
        retention_ms=spec.retention_ms,
        failures=failures,
        deliveries=failures + 1,
    )


def _end(stage: Stage) -> End:
    if stage.finish is None:
        return End(State.BLOCKED, None, None, None, 0.0, stage.reports)
    settlement = stage.finish.settlement
    return End(
        state=settlement.move.target,
        result=None if settlement.result is None else orjson.loads(settlement.result),
        error=settlement.failure,
        reason=settlement.reason,
        delay_seconds=max(settlement.delay_ms, settlement.freeze_ms) / 1000,
        reports=stage.reports,
    )
