"""Runs leased jobs: resolve -> bind -> run -> outcome -> settle, one task per job."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, cast

import orjson
import structlog

from service.cancellation import within
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
from workers import verdict
from workers.context import Family, JobContext, Reporter
from workers.deadlines import Deadlines
from workers.hooks import Hooks
from workers.metrics import Metrics
from workers.registry import Registry
from workers.relatives import Parked
from workers.run import Run, Stop
from workers.runners import Runners
from workers.tracing import RunTracing

#: Seconds beyond timeout and grace after which even the heartbeat thread gives a run up.
HARD_MARGIN = 2.0

log = structlog.get_logger("triage.executor")


class Ends(Protocol):
    """Where the ends of runs go."""

    def add(self, finish: Finish) -> None: ...


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
        self.draining = asyncio.Event()
        #: Woken whenever a slot became free.
        self.slot_freed = asyncio.Event()
        self.runs: dict[str, Run] = {}
        self._deadlines = Deadlines(clock, self.runs, lambda run: self.stop(run, "timeout"))
        self.leaked: set[asyncio.Task[None]] = set()

    @property
    def limited(self) -> bool:
        """Whether some job type has a limit of its own on this worker."""
        return self._registry.limited

    @property
    def free(self) -> int:
        return self._settings.concurrency - len(self.runs) - len(self.leaked) - self._runners.leaked

    @property
    def capacity(self) -> int:
        return self._settings.concurrency

    def free_slots_by_type(self) -> Mapping[str, int | None]:
        """Free slots of each claimable name; None where the type has no limit of its own."""
        if not self._registry.limited:
            return self._registry.claimable
        busy: dict[str, int] = {}
        for run in self.runs.values():
            busy[run.handler.name] = busy.get(run.handler.name, 0) + 1
        return {
            name: None
            if handler.concurrency is None
            else max(0, handler.concurrency - busy.get(handler.name, 0))
            for name, handler in self._registry.by_name.items()
        }

    def start(self, lease: Lease, claimed_at: int) -> None:
        """Begin a run; a job that cannot be run at all is settled without one."""
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
        started = self._clock.monotonic()
        timeout = lease.job.timeout_ms / 1000
        if lease.job.deadline_at is not None:
            timeout = min(timeout, (lease.job.deadline_at - claimed_at) / 1000)
        deadline = started + timeout
        hard_deadline = deadline + self._settings.cancel_grace_seconds + HARD_MARGIN
        run = Run(lease, handler, context, claimed_at, started, timeout, deadline, hard_deadline)
        self.runs[lease.job.id] = run
        self._deadlines.watch(run)
        run.task = asyncio.get_running_loop().create_task(self._perform(run), name=lease.job.id)
        run.task.add_done_callback(lambda task: self._ended(run, task))
        self._metrics.started(lease.job)

    def stop(self, run: Run, why: Stop, seconds: float | None = None) -> None:
        """Ask a run to end; when it has not within the grace it is abandoned with a defined verdict."""
        if run.task is None or run.task.done() or run.stop is not None:
            return
        run.stop = why
        run.disarm()
        if why == "cancel":
            run.context.cancelled.set()
        run.task.cancel()
        grace = self._settings.cancel_grace_seconds if why != "drain" else 1.0
        if seconds is not None:
            grace = seconds
            run.hard_deadline = max(run.hard_deadline, self._clock.monotonic() + grace + HARD_MARGIN)
        run.timer = asyncio.get_running_loop().call_later(grace, self.give_up, run)

    def lose(self, run: Run) -> None:
        """The lease is gone: end the run, and let whoever owns the job now decide about it."""
        if run.stop in ("lost", "parked"):
            return
        run.disarm()
        run.stop = "lost"
        if run.task is not None and not run.task.done():
            run.task.cancel()
            run.timer = asyncio.get_running_loop().call_later(
                self._settings.cancel_grace_seconds, self.give_up, run
            )
        log.warning("lease_lost", job_id=run.job_id)

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
                run.handler, run.context, cast(dict[str, Any], payload), solo=solo
            )
            outcome = verdict.of_result(run, value, self._settings.max_result_bytes)
        except Parked:
            # It waits for its children now, and nobody holds a lease on it.
            run.stop, outcome = "parked", Interrupted()
        except BaseException as error:
            # SystemExit and KeyboardInterrupt of a handler are its failure, not the end of this process.
            outcome = verdict.of_exception(run, error)
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
        if run.stop in ("lost", "parked"):
            self.release(run)
            return
        self._settle(run.lease, run.claimed_at, seconds, outcome)
        run.concluded = True
        self.release(run)

    def give_up(self, run: Run) -> None:
        """Settle a run that did not react to its cancellation; its task keeps its slot until it ends."""
        if run.concluded or run.task is None or run.task.done():
            return
        log.error("run_abandoned", job_id=run.job_id, why=run.stop)
        self.leaked.add(run.task)
        self._conclude(run, verdict.abandoned(run))

    def _ended(self, run: Run, task: asyncio.Task[None]) -> None:
        self.leaked.discard(task)
        self.slot_freed.set()
        if not run.concluded:
            # Cancelled before its first step, or an error of our own: never left without a verdict.
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            self._conclude(run, verdict.of_exception(run, error or asyncio.CancelledError()))
        elif not task.cancelled() and task.exception() is not None:
            log.warning("abandoned_run_failed", job_id=run.job_id)

    def release(self, run: Run) -> None:
        if self.runs.get(run.job_id) is run:
            del self.runs[run.job_id]
        self.slot_freed.set()

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
