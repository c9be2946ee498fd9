"""Runs leased jobs, one asyncio task per job: start -> run the handler -> outcome -> conclude."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import structlog

from service.clock import Clock
from service.domain.job import Lease
from service.domain.outcome import Failure, Interrupted, Refused
from service.domain.states import Reason
from service.settings import Settings
from service.store.leases import HeartbeatReply
from service.tasks import within
from workers.engine.runs import outcomes
from workers.engine.runs.active_runs import ActiveRuns
from workers.engine.runs.deadlines import Deadlines
from workers.engine.runs.run import Run, RunState, RunTimes
from workers.engine.runs.runners import Runners
from workers.engine.runs.slots import Slot, Slots
from workers.engine.runs.stopper import Stopper
from workers.engine.runs.tracing import RunTracing
from workers.engine.shares import Share, Shares
from workers.handling.cancel_notice import Flag
from workers.handling.context import JobContext, RelatedJobsProtocol, Reporter
from workers.handling.dependencies import WaitingForChildren
from workers.handling.registry import Registry
from workers.telemetry.metrics import Metrics

log = structlog.get_logger("triage.executor")


@dataclass(frozen=True, slots=True)
class Contexts:
    """Makes the `ctx` of each run."""

    #: Entries that all runs share: the hooks' values, `settings`, `redis`, `limiters`.
    shared: dict[Any, Any]
    reporter: Reporter
    #: What a run may ask of other jobs; its lease decides whether it still may.
    dependencies: Callable[[Lease], RelatedJobsProtocol]
    draining: Flag = field(default_factory=Flag)
    #: Entries of the namespace, in a worker that serves several.
    own: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def make(self, lease: Lease) -> JobContext:
        context = JobContext(lease, self.shared, self.reporter, self.dependencies, self.draining)
        if self.own:
            context.update(self.own)
        return context


@dataclass(frozen=True, slots=True)
class Handlers:
    """The handlers of this worker: how to find them, run them, and make their context."""

    registry: Registry
    runners: Runners
    contexts: Contexts


@dataclass(frozen=True, slots=True)
class RunTelemetry:
    """The metrics and the tracing of runs."""

    metrics: Metrics
    tracing: RunTracing


class Executor:
    """Starts runs and sees them through; a run that cannot be stopped keeps its slot."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        handlers: Handlers,
        runs: ActiveRuns,
        telemetry: RunTelemetry,
        slots: Share | None = None,
    ) -> None:
        """Without `slots`, it has all slots of a worker to itself."""
        self._settings = settings
        self._clock = clock
        self._registry = handlers.registry
        self._hooks = handlers.registry.hooks
        self._runners = handlers.runners
        self._contexts = handlers.contexts
        self._metrics = telemetry.metrics
        self._tracing = telemetry.tracing
        self.runs = runs
        #: Set when this worker begins to shut down.
        self.draining = handlers.contexts.draining
        self.slots = slots or Shares(Slots(clock, settings.concurrency)).join()
        self.stopper = Stopper(settings, clock, self.slots, runs)
        self._deadlines = Deadlines(
            clock, runs.by_job, lambda run: self.stopper.stop(run, RunState.TIMED_OUT)
        )

    @property
    def limited(self) -> bool:
        """Whether any job type has its own concurrency limit on this worker."""
        return self._registry.limited

    def free_slots_by_type(self) -> Mapping[str, int | None]:
        """Free slots per claimable name; None for a type without its own limit."""
        if not self._registry.limited:
            return self._registry.claimable
        return {
            name: None
            if handler.concurrency is None
            else max(0, handler.concurrency - self.slots.of_type(handler.name))
            for name, handler in self._registry.by_name.items()
        }

    def on_heartbeat(self, reply: HeartbeatReply) -> None:
        """Stop runs that have lost their lease, and runs whose job should be cancelled."""
        for id, token in reply.lost:
            if (run := self.runs.find(id, token)) is not None:
                self.stopper.on_lease_lost(run)
        for request in reply.cancel:
            if (run := self.runs.find(request.job_id, request.token)) is not None:
                self.stopper.stop(run, RunState.CANCELLED, request.grace_ms / 1000, request.message)

    def start(self, lease: Lease, claimed_at: int) -> None:
        """Start a run; hand a job back if this worker has no handler for it.

        If an earlier run of the same job is still busy here, even without its lease, this one waits for it.
        """
        job = lease.job
        handler = self._registry.find(job.name)
        if handler is None:
            self.runs.decline(lease, claimed_at)
            return
        unfinished = self.slots.of_job(job.id)
        slot = self.slots.acquire(job.id, handler.name)
        delay = 0.0 if unfinished is None else self._settings.stuck_threads_seconds
        times = self._times(lease, claimed_at, self._clock.monotonic(), delay)
        run = Run(lease, handler, self._contexts.make(lease), slot, times)
        self.runs.add(run)
        self._deadlines.watch(run)
        work = self._perform(run) if unfinished is None else self._perform_after(unfinished, run)
        run.task = asyncio.get_running_loop().create_task(work, name=job.id)
        run.task.add_done_callback(partial(self._on_task_done, run))
        self._metrics.started(job)

    def _times(self, lease: Lease, claimed_at: int, started: float, delay: float = 0.0) -> RunTimes:
        return RunTimes.starting(lease.job, claimed_at, started, delay, self._settings.cancel_grace_seconds)

    async def _perform_after(self, unfinished: Slot, run: Run) -> None:
        """Wait for the unfinished run of an earlier delivery, at most as long as a retry would."""
        started = run.times.started
        passed = 0.0 if unfinished.stuck_since is None else started - unfinished.stuck_since
        seconds = max(0.0, self._settings.stuck_threads_seconds - passed)
        log.warning("run_waits_for_unfinished_run", job_id=run.job_id, at_most_seconds=round(seconds, 3))
        done, _ = await asyncio.wait({unfinished.freed()}, timeout=seconds)
        if not done:
            log.error("run_begins_beside_unfinished_run", job_id=run.job_id)
        now = self._clock.monotonic()
        run.times = self._times(run.lease, run.times.redis_time(now), now)
        self._deadlines.watch(run)
        await self._perform(run)

    async def _perform(self, run: Run) -> None:
        context = run.context
        self._tracing.begin(run)
        try:
            payload = orjson.loads(run.lease.job.payload)
        except orjson.JSONDecodeError:
            failure = Failure("JSONDecodeError", "The payload is not JSON.")
            self.runs.conclude(run, Refused(Reason.UNDECODABLE, failure))
            return
        try:
            if self._hooks.per_job:
                await self._hooks.job_starts(context)
            value = await self._runners.run(run.handler, context, payload, run.slot, solo=run.lease.suspect)
            outcome = outcomes.of_result(run, value, self._settings.max_result_bytes)
        except WaitingForChildren:
            if not run.is_concluded and run.owns_job:
                run.enter(RunState.WAITING_FOR_CHILDREN)
            outcome = Interrupted()
        except BaseException as error:
            # A handler that raises SystemExit or KeyboardInterrupt has failed; the worker must keep running.
            outcome = outcomes.of_exception(run, error)
        # The outcome no longer counts if the worker has abandoned the run meanwhile.
        if context.unreported:
            await self._flush(context.flush)
        if self._hooks.per_job:
            await self._hooks.job_ends(context)
        self.runs.conclude(run, outcome)

    async def _flush(self, flush: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await within(1.0, flush())
        except (Exception, asyncio.CancelledError) as error:
            # Losing the last progress is better than losing the outcome.
            log.info("progress_not_written", error=type(error).__name__)

    def _on_task_done(self, run: Run, task: asyncio.Task[None]) -> None:
        if not run.is_concluded:
            # Cancelled before its first step, or our own bug: every run must get an outcome.
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            self.runs.conclude(run, outcomes.of_exception(run, error or asyncio.CancelledError()))
        elif not task.cancelled() and task.exception() is not None:
            log.warning("abandoned_run_failed", job_id=run.job_id)
        run.slot.release()
