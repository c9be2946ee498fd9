"""Runs leased jobs: resolve -> bind -> run -> outcome -> settle, one task per job."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, cast

import orjson
import structlog

from service.clock import Clock
from service.domain.job import Lease
from service.domain.outcome import (
    DeferralPolicy,
    Failed,
    Failure,
    Interrupted,
    Outcome,
    Refused,
    Snoozed,
    settle,
)
from service.domain.states import Reason
from service.settings import Settings
from service.store.leases import Finish
from service.tasks import within
from workers.arq.hooks import Hooks
from workers.engine.runs import outcomes
from workers.engine.runs.deadlines import Deadlines
from workers.engine.runs.run import HARD_MARGIN, Run
from workers.engine.runs.runners import Runners
from workers.engine.runs.slots import Slot, Slots
from workers.engine.runs.stopper import Stopper
from workers.engine.runs.tracing import RunTracing
from workers.handling.cancel_notice import Flag
from workers.handling.context import Family, JobContext, Reporter
from workers.handling.dependencies import Parked
from workers.handling.registry import Registry
from workers.telemetry.metrics import Metrics

log = structlog.get_logger("triage.executor")


class Ends(Protocol):
    """Where the ends of runs go."""

    def add(self, finish: Finish) -> None: ...
    @property
    def pending(self) -> list[Finish]: ...


class Executor:
    """Owns every run of this process; a run that cannot be stopped keeps its slot."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        random: Callable[[], float],
        registry: Registry,
        runners: Runners,
        settler: Ends,
        reporter: Reporter,
        relatives: Callable[[Lease], Family],
        hooks: Hooks,
        metrics: Metrics,
        tracing: RunTracing,
        worker_id: str,
        shared: dict[Any, Any],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._random = random
        self._registry = registry
        self._runners = runners
        self._settler = settler
        self._reporter = reporter
        self._relatives = relatives
        self._hooks = hooks
        self._metrics = metrics
        self._tracing = tracing
        self._worker_id = worker_id
        self._shared = shared
        self._deferrals = DeferralPolicy(round(settings.min_retry_seconds * 1000), settings.max_deferrals)
        self.draining = Flag()
        self.slots = Slots(clock, settings.concurrency)
        #: Set whenever a slot became free; the claimer waits for it.
        self.slot_freed = self.slots.freed
        #: Runs without a verdict: their leases are renewed.
        self.runs: dict[str, Run] = {}
        #: Set whenever one of them got its verdict; the drain waits for it.
        self.run_concluded = asyncio.Event()
        self.stopper = Stopper(settings, clock, self.slots, self._conclude)
        self._deadlines = Deadlines(clock, self.runs, lambda run: self.stopper.stop(run, "timeout"))

    @property
    def limited(self) -> bool:
        """Whether some job type has a limit of its own on this worker."""
        return self._registry.limited

    @property
    def free(self) -> int:
        return self.slots.free

    @property
    def capacity(self) -> int:
        return self.slots.capacity

    @property
    def idle(self) -> bool:
        """Nothing runs, and Redis has the end of every run."""
        return not self.runs and not self._settler.pending

    def free_slots_by_type(self) -> Mapping[str, int | None]:
        """Free slots of each claimable name; None where the type has no limit of its own."""
        if not self._registry.limited:
            return self._registry.claimable
        return {
            name: None
            if handler.concurrency is None
            else max(0, handler.concurrency - self.slots.of_type(handler.name))
            for name, handler in self._registry.by_name.items()
        }

    def run_of(self, job_id: str, token: str) -> Run | None:
        """The run under this lease: an earlier lease on the same job says nothing about it."""
        run = self.runs.get(job_id)
        return run if run is not None and run.lease.token == token else None

    def start(self, lease: Lease, claimed_at: int) -> None:
        """Begin a run; a job that cannot be run at all is settled without one.

        A run of a job that has not ended here, whatever became of its lease, delays the next one of that job.
        """
        handler = self._registry.find(lease.job.name)
        if handler is None:
            # Not back to its place: this worker would claim it again at once, and for ever.
            self._settle(lease, claimed_at, 0.0, Snoozed(0))
            return
        context = JobContext(
            lease=lease,
            shared=self._shared,
            reporter=self._reporter,
            relatives=self._relatives(lease),
            draining=self.draining,
        )
        unfinished = self.slots.of_job(lease.job.id)
        slot = self.slots.take(lease.job.id, handler.name)
        run = Run(lease, handler, context, claimed_at, self._clock.monotonic(), 0.0, 0.0, 0.0, slot)
        self._set_clock(run, 0.0 if unfinished is None else self._settings.stuck_threads_seconds)
        self.runs[lease.job.id] = run
        self._deadlines.watch(run)
        work = self._perform(run) if unfinished is None else self._perform_after(unfinished, run)
        run.task = asyncio.get_running_loop().create_task(work, name=lease.job.id)
        run.task.add_done_callback(lambda task: self._ended(run, task))
        self._metrics.started(lease.job)

    def _set_clock(self, run: Run, delay: float) -> None:
        """The run's time begins in `delay` seconds."""
        job, now = run.lease.job, self._clock.monotonic()
        run.claimed_at += round((now - run.started) * 1000)
        run.started = now
        run.timeout = job.timeout_ms / 1000
        if job.deadline_at is not None:
            run.timeout = max(0.0, min(run.timeout, (job.deadline_at - run.claimed_at) / 1000))
        run.deadline = now + delay + run.timeout
        run.hard_deadline = run.deadline + self._settings.cancel_grace_seconds + HARD_MARGIN

    async def _perform_after(self, unfinished: Slot, run: Run) -> None:
        """Wait for the end of what still runs of an earlier delivery, within the same bound as `_hold`."""
        passed = 0.0 if unfinished.stuck_since is None else run.started - unfinished.stuck_since
        seconds = max(0.0, self._settings.stuck_threads_seconds - passed)
        log.warning("run_waits_for_unfinished_run", job_id=run.job_id, at_most_seconds=round(seconds, 3))
        done, _ = await asyncio.wait({unfinished.freed()}, timeout=seconds)
        if not done:
            log.error("run_begins_beside_unfinished_run", job_id=run.job_id)
        self._set_clock(run, 0.0)
        self._deadlines.watch(run)
        await self._perform(run)

    async def _perform(self, run: Run) -> None:
        outcome: Outcome
        self._tracing.begin(run)
        try:
            payload = orjson.loads(run.lease.job.payload)
        except orjson.JSONDecodeError:
            self._conclude(
                run, Refused(Reason.UNDECODABLE, Failure("JSONDecodeError", "The payload is not JSON."))
            )
            return
        try:
            await self._hooks.job_starts(run.context)
            solo = run.lease.suspect
            value = await self._runners.run(
                run.handler, run.context, cast(dict[str, Any], payload), run.slot, solo=solo
            )
            outcome = outcomes.of_result(run, value, self._settings.max_result_bytes)
        except Parked:
            # It waits for its children now, and nobody holds a lease on it.
            run.stop, outcome = "parked", Interrupted()
        except BaseException as error:
            # SystemExit and KeyboardInterrupt of a handler are its failure, not the end of this process.
            outcome = outcomes.of_exception(run, error)
        if run.context.unreported:
            await self._flush(run.context.flush)
        await self._hooks.job_ends(run.context)
        self._conclude(run, outcome)

    async def _flush(self, flush: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await within(1.0, flush())
        except (Exception, asyncio.CancelledError) as error:
            # The last progress of a run is not worth its verdict.
            log.info("progress_not_written", error=type(error).__name__)

    def _conclude(self, run: Run, outcome: Outcome) -> None:
        if run.concluded:
            return
        run.disarm()
        seconds = self._clock.monotonic() - run.started
        self._tracing.end(run, outcome, run.claimed_at + round(seconds * 1000))
        if not run.lost and run.stop != "parked":
            self._settle(run.lease, run.claimed_at, seconds, outcome)
        else:
            self._hooks.settled(run.lease)
        run.concluded = True
        if self.runs.get(run.job_id) is run:
            del self.runs[run.job_id]
        self.run_concluded.set()

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        if not run.concluded:
            # Cancelled before its first step, or an error of our own: never left without a verdict.
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            self._conclude(run, outcomes.of_exception(run, error or asyncio.CancelledError()))
        elif not task.cancelled() and task.exception() is not None:
            log.warning("abandoned_run_failed", job_id=run.job_id)
        run.slot.let_go()

    def _words(self, failure: Failure) -> dict[str, str]:
        """What a failure says itself may quote a payload: lines for people have it, other lines do not."""
        if self._settings.log_format != "text":
            return {}
        return {"message": failure.message, "traceback": failure.traceback}

    def _settle(self, lease: Lease, claimed_at: int, seconds: float, outcome: Outcome) -> None:
        now = claimed_at + round(seconds * 1000)
        settlement = settle(lease.job, outcome, now, self._random, self._deferrals)
        if isinstance(outcome, Failed):
            log.warning(
                "job_failed",
                job_id=lease.job.id,
                name=lease.job.name,
                error_type=outcome.failure.type,
                target=str(settlement.move.target),
                **self._words(outcome.failure),
            )
        self._settler.add(
            Finish(lease, settlement, self._worker_id, ended_at=now, run_ms=round(seconds * 1000))
        )
