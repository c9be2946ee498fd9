"""The runs without an outcome so far, and the only code that concludes one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from service.clock import Clock
from service.domain.job import Lease
from service.domain.outcome import (
    DEFERRALS,
    DeferralPolicy,
    Failed,
    Failure,
    Outcome,
    Snoozed,
    Succeeded,
    settle,
)
from service.settings import Settings
from service.store.leases import Finish
from workers.arq.hooks import Hooks
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.tracing import RunTracing

log = structlog.get_logger("triage.runs")


class FinishQueue(Protocol):
    """Holds finishes until Redis has them."""

    def add(self, finish: Finish) -> None: ...
    @property
    def pending(self) -> list[Finish]: ...


@dataclass(frozen=True, slots=True)
class FinishPolicy:
    """How this worker turns an outcome into a finish."""

    worker_id: str
    random: Callable[[], float]
    deferrals: DeferralPolicy = DEFERRALS
    #: Only for logs on a developer's own machine: messages and tracebacks may quote a payload.
    log_messages: bool = False

    @classmethod
    def of(cls, settings: Settings, worker_id: str, random: Callable[[], float]) -> "FinishPolicy":
        deferrals = DeferralPolicy(round(settings.min_retry_seconds * 1000), settings.max_deferrals)
        return cls(worker_id, random, deferrals, settings.log_format == "text")

    def details(self, failure: Failure) -> dict[str, str]:
        """Fields of a log line about a failure, in addition to its type."""
        if not self.log_messages:
            return {}
        return {"message": failure.message, "traceback": failure.traceback}

    def finish(self, lease: Lease, outcome: Outcome, ended_at: int, run_ms: int) -> Finish:
        settlement = settle(lease.job, outcome, ended_at, self.random, self.deferrals)
        return Finish(lease, settlement, self.worker_id, ended_at, run_ms)


@dataclass(frozen=True, slots=True)
class RunObservers:
    """Notified when a run is concluded."""

    hooks: Hooks
    tracing: RunTracing


class ActiveRuns:
    """Holds each run, and so its lease, from its start until `conclude`, which happens once."""

    def __init__(
        self,
        clock: Clock,
        policy: FinishPolicy,
        queue: FinishQueue,
        observers: RunObservers,
        concluded: asyncio.Event | None = None,
    ) -> None:
        """`concluded`: shared by all namespaces of a worker."""
        self._clock = clock
        self._policy = policy
        self._queue = queue
        self._hooks = observers.hooks
        self._tracing = observers.tracing
        #: The latest run of each job, by job id.
        self.by_job: dict[str, Run] = {}
        #: Set whenever a run is concluded; the drain waits for it.
        self.concluded = concluded or asyncio.Event()

    def add(self, run: Run) -> None:
        self.by_job[run.job_id] = run

    def find(self, job_id: str, token: str) -> Run | None:
        """The run with this lease: messages about an earlier lease on the same job do not concern it."""
        run = self.by_job.get(job_id)
        return run if run is not None and run.lease.token == token else None

    @property
    def idle(self) -> bool:
        """Nothing runs, and Redis has the finish of every run."""
        return not self.by_job and not self._queue.pending

    def conclude(self, run: Run, outcome: Outcome) -> None:
        """Decide the outcome of a run, once. Writes nothing if the run has lost its lease."""
        if run.is_concluded:
            return
        if run.timer is not None:
            run.disarm()
        lease, times = run.lease, run.times
        run_ms = times.milliseconds(self._clock.monotonic())
        ended_at = times.claimed_at + run_ms
        self._tracing.end(run, outcome, ended_at)
        if run.owns_job:
            self._finish(lease, outcome, ended_at, run_ms)
        else:
            self._hooks.settled(lease)
        run.enter(RunState.CONCLUDED)
        if self.by_job.get(lease.job.id) is run:
            del self.by_job[lease.job.id]
        self.concluded.set()

    def decline(self, lease: Lease, claimed_at: int) -> None:
        """Hand back a job without a handler here, with a delay: this worker might claim it again at once."""
        self._finish(lease, Snoozed(0), claimed_at, 0)

    def _finish(self, lease: Lease, outcome: Outcome, ended_at: int, run_ms: int) -> None:
        finish = self._policy.finish(lease, outcome, ended_at, run_ms)
        if isinstance(outcome, Failed):
            log.warning(
                "job_failed",
                job_id=lease.job.id,
                name=lease.job.name,
                error_type=outcome.failure.type,
                target=str(finish.settlement.move.target),
                **self._policy.details(outcome.failure),
            )
        elif self._policy.log_messages and isinstance(outcome, Succeeded):
            log.info("job_succeeded", job_id=lease.job.id, name=lease.job.name, seconds=run_ms / 1000)
        self._queue.add(finish)

    # Other threads call the methods below.

    def handler_of(self, job_id: str) -> str | None:
        """The handler that runs this job."""
        run = self.by_job.get(job_id)
        return None if run is None else run.handler.name

    def leases(self) -> list[Lease]:
        """Leases to renew: those held by runs before their hard deadline and by finishes not yet in Redis."""
        now = self._clock.monotonic()
        runs = [run for run in list(self.by_job.values()) if now < run.times.hard_deadline]
        return [run.lease for run in runs] + [finish.lease for finish in self._queue.pending]

    def overdue(self) -> list[Run]:
        """Runs past their hard deadline: they ignore cancellation, or the event loop is blocked."""
        now = self._clock.monotonic()
        return [run for run in list(self.by_job.values()) if now >= run.times.hard_deadline]

    def last_finishes(self, outcome_of: Callable[[Run], Outcome]) -> list[Finish]:
        """The finishes to write before this process exits without its event loop."""
        finishes = list(self._queue.pending)
        for run in list(self.by_job.values()):
            if run.owns_job:
                run_ms = run.times.milliseconds(self._clock.monotonic())
                ended_at = run.times.claimed_at + run_ms
                finishes.append(self._policy.finish(run.lease, outcome_of(run), ended_at, run_ms))
        return finishes
