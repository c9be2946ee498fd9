"""One run of one job on this worker, and the states that it passes through."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from service.domain.job import Job, Lease
from service.telemetry.spans import Span
from workers.calls.invocation import Handler
from workers.engine.runs.slots import Slot
from workers.handling.context import JobContext

#: Seconds beyond timeout and grace after which even the heartbeat thread gives up on a run.
HARD_MARGIN = 2.0


class RunState(StrEnum):
    """Where a run is between its lease and its outcome; MOVES says what may follow."""

    #: The handler runs, or waits until an earlier run of its job has ended. No one has asked it to end.
    RUNNING = "running"
    #: Asked to end because its time is up; its grace has begun.
    TIMED_OUT = "timed_out"
    #: Asked to end because its job was cancelled; its grace has begun.
    CANCELLED = "cancelled"
    #: Asked to end because this worker shuts down; its grace has begun.
    DRAINED = "drained"
    #: Timed out and still running after its grace. It keeps its lease, so that no retry runs beside it.
    UNRESPONSIVE = "unresponsive"
    #: Asked to end because another worker may own the job. Nothing is written about this run.
    LEASE_LOST = "lease_lost"
    #: Its job waits for its children. Redis has released the lease, so nothing is left to write.
    WAITING_FOR_CHILDREN = "waiting_for_children"
    #: Its outcome is decided. Whatever the handler still does or returns no longer counts.
    CONCLUDED = "concluded"


#: Why this worker asks a run to end.
STOPS = frozenset({RunState.TIMED_OUT, RunState.CANCELLED, RunState.DRAINED, RunState.LEASE_LOST})
#: What may happen to a run whatever it has been asked.
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

# Looking a member up in its enum costs as much as a call, and each run asks ten times.
_CONCLUDED = RunState.CONCLUDED
_PAST_TIMEOUT = frozenset({RunState.TIMED_OUT, RunState.UNRESPONSIVE})
_WITHOUT_LEASE = frozenset({RunState.LEASE_LOST, RunState.WAITING_FOR_CHILDREN})

#: What log lines call the reason for which this worker ended a run.
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
    """One moment on two clocks, and the bounds of the run; floats are this process's monotonic clock."""

    #: Redis time at which the handler's time begins, in milliseconds.
    claimed_at: int
    #: The same moment on the monotonic clock.
    started: float
    #: Seconds that the handler gets, the job's deadline included.
    timeout: float
    #: When they are over.
    deadline: float
    #: When a run that ignores everything is given up, even by a blocked event loop.
    hard_deadline: float

    @classmethod
    def starting(cls, job: Job, claimed_at: int, started: float, delay: float, grace: float) -> "RunTimes":
        """Those of a run that may have to wait for `delay` seconds before its handler starts."""
        timeout = job.timeout_ms / 1000
        if job.deadline_at is not None:
            timeout = max(0.0, min(timeout, (job.deadline_at - claimed_at) / 1000))
        deadline = started + delay + timeout
        return cls(claimed_at, started, timeout, deadline, deadline + grace + HARD_MARGIN)

    def milliseconds(self, now: float) -> int:
        """How long the run has taken."""
        return round((now - self.started) * 1000)

    def redis_time(self, now: float) -> int:
        return self.claimed_at + self.milliseconds(now)

    def extend(self, until: float) -> None:
        """Give the run until then to end."""
        self.hard_deadline = max(self.hard_deadline, until + HARD_MARGIN)


@dataclass(slots=True, eq=False)
class Run:
    """Written by the event loop alone; the heartbeat thread reads `state` and `times`."""

    lease: Lease
    handler: Handler
    context: JobContext
    slot: Slot
    times: RunTimes
    state: RunState = RunState.RUNNING
    task: asyncio.Task[None] | None = None
    #: Ends the grace of a run that was asked to end, or the wait for one that is unresponsive.
    timer: asyncio.TimerHandle | None = None
    #: Only where spans are exported.
    span: Span | None = None

    @property
    def job_id(self) -> str:
        return self.lease.job.id

    @property
    def why(self) -> str | None:
        """Why this worker ended the run, None if it did not."""
        return _WHY.get(self.state)

    @property
    def is_concluded(self) -> bool:
        return self.state is _CONCLUDED

    @property
    def has_timed_out(self) -> bool:
        return self.state in _PAST_TIMEOUT

    @property
    def owns_job(self) -> bool:
        """Whether an outcome of this run would count: it has not given its lease away."""
        return self.state not in _WITHOUT_LEASE

    @property
    def may_be_stopped(self) -> bool:
        """Whether the handler is still at work on an outcome that is not decided."""
        return not self.is_concluded and self.task is not None and not self.task.done()

    def enter(self, state: RunState) -> None:
        """Move to another state, as MOVES allows."""
        assert state in MOVES[self.state], f"a run cannot go from {self.state} to {state}"
        self.state = state

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
