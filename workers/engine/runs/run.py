"""A run of a job on this worker, and its states."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.domain.job import Job, Lease
from service.telemetry.spans import Span
from workers.calls.invocation import Handler
from workers.engine.runs.slots import Slot
from workers.handling.context import JobContext

#: How long after timeout and grace the heartbeat thread gives up on a run as well, in seconds.
HARD_MARGIN = 2.0


class RunState(StrEnum):
    """The state of a run between its lease and its outcome; MOVES lists the allowed moves."""

    #: The handler runs, or waits for an earlier run of its job; nothing has requested that it stops.
    RUNNING = "running"
    #: Stopping because it reached its deadline; its grace has begun.
    TIMED_OUT = "timed_out"
    #: Stopping because its job was cancelled; its grace has begun.
    CANCELLED = "cancelled"
    #: Stopping because this worker is shutting down; its grace has begun.
    DRAINED = "drained"
    #: Timed out and still running after its grace. It keeps its lease, so that no retry runs concurrently.
    UNRESPONSIVE = "unresponsive"
    #: Stopping because another worker may own the job. This worker writes nothing about this run.
    LEASE_LOST = "lease_lost"
    #: Its job waits for its children. Redis has released the lease, so nothing is left to write.
    WAITING_FOR_CHILDREN = "waiting_for_children"
    #: Its outcome is decided. Nothing that the handler still does or returns counts.
    CONCLUDED = "concluded"


#: The states in which a run is stopping, each named after its reason.
STOPS = frozenset({RunState.TIMED_OUT, RunState.CANCELLED, RunState.DRAINED, RunState.LEASE_LOST})
#: The moves that both a running and a stopping run can make.
_AT_ANY_TIME = frozenset({RunState.LEASE_LOST, RunState.WAITING_FOR_CHILDREN, RunState.CONCLUDED})

MOVES: Mapping[RunState, frozenset[RunState]] = {
    RunState.RUNNING: STOPS | _AT_ANY_TIME,
    RunState.TIMED_OUT: frozenset({RunState.UNRESPONSIVE}) | _AT_ANY_TIME,
    RunState.CANCELLED: _AT_ANY_TIME,
    RunState.DRAINED: _AT_ANY_TIME,
    RunState.UNRESPONSIVE: _AT_ANY_TIME,
    RunState.LEASE_LOST: frozenset({RunState.CONCLUDED}),
    RunState.WAITING_FOR_CHILDREN: frozenset({RunState.CONCLUDED}),
    RunState.CONCLUDED: frozenset(),
}

# Looking up an enum member costs as much as a call, and each run needs ten.
_CONCLUDED = RunState.CONCLUDED
_PAST_TIMEOUT = frozenset({RunState.TIMED_OUT, RunState.UNRESPONSIVE})
_WITHOUT_LEASE = frozenset({RunState.LEASE_LOST, RunState.WAITING_FOR_CHILDREN})

#: The names in log lines of the reasons why this worker stopped a run.
_WHY: Mapping[RunState, str] = {
    RunState.TIMED_OUT: "timeout",
    RunState.UNRESPONSIVE: "timeout",
    RunState.CANCELLED: "cancel",
    RunState.DRAINED: "drain",
    RunState.LEASE_LOST: "lost",
    RunState.WAITING_FOR_CHILDREN: "waiting_for_children",
}


@dataclass(slots=True)
class RunTimes:
    """The start of a run on two clocks, and its limits; floats are times of the monotonic clock."""

    #: Redis time at which the handler's timeout begins to run, in milliseconds.
    claimed_at: int
    #: The same moment on the monotonic clock.
    started: float
    #: Seconds until the handler times out, at the job's deadline or earlier.
    timeout: float
    #: When the handler times out.
    deadline: float
    #: When this worker gives up on a run that ignores cancellation or blocks the event loop.
    hard_deadline: float

    @classmethod
    def starting(cls, job: Job, claimed_at: int, started: float, delay: float, grace: float) -> "RunTimes":
        """For a run that may have to wait up to `delay` seconds before its handler starts."""
        timeout = job.timeout_ms / 1000
        if job.deadline_at is not None:
            timeout = max(0.0, min(timeout, (job.deadline_at - claimed_at) / 1000))
        deadline = started + delay + timeout
        return cls(claimed_at, started, timeout, deadline, deadline + grace + HARD_MARGIN)

    def milliseconds(self, now: float) -> int:
        """The duration of the run until now."""
        return round((now - self.started) * 1000)

    def redis_time(self, now: float) -> int:
        return self.claimed_at + self.milliseconds(now)

    def extend(self, until: float) -> None:
        """Give the run until then to finish."""
        self.hard_deadline = max(self.hard_deadline, until + HARD_MARGIN)


@dataclass(slots=True, eq=False)
class Run:
    """Only the event loop writes it; the heartbeat thread reads `state` and `times`."""

    lease: Lease
    handler: Handler
    context: JobContext
    slot: Slot
    times: RunTimes
    state: RunState = RunState.RUNNING
    task: asyncio.Task[None] | None = None
    #: Ends the grace of a stopping run, or the wait for an unresponsive one.
    timer: asyncio.TimerHandle | None = None
    #: None unless spans are exported.
    span: Span | None = None

    @property
    def job_id(self) -> str:
        return self.lease.job.id

    @property
    def why(self) -> str | None:
        """Why this worker stopped the run; None if it did not."""
        return _WHY.get(self.state)

    @property
    def is_concluded(self) -> bool:
        return self.state is _CONCLUDED

    @property
    def has_timed_out(self) -> bool:
        return self.state in _PAST_TIMEOUT

    @property
    def owns_job(self) -> bool:
        """Whether this run still has the lease, so that its outcome counts."""
        return self.state not in _WITHOUT_LEASE

    @property
    def may_be_stopped(self) -> bool:
        """Whether the run has no outcome and its task is still running."""
        return not self.is_concluded and self.task is not None and not self.task.done()

    def enter(self, state: RunState) -> None:
        """Move to another state, as MOVES allows."""
        assert state in MOVES[self.state], f"a run cannot go from {self.state} to {state}"
        self.state = state

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
