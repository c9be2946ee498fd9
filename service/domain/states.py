"""The state machine of a job, as one table: to add a move, add a row here.

`make generate` prints it into service/store/lua/lib/moves.lua, which jobs.lua enforces.
"""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """The state of a job."""

    BLOCKED = "blocked"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    RUNNING = "running"
    RETRYING = "retrying"
    SUCCEEDED = "succeeded"
    CANCELLED = "cancelled"
    DEAD = "dead"


#: Not finished and not running, so without a lease.
WAITING = frozenset({State.BLOCKED, State.SCHEDULED, State.QUEUED, State.RETRYING})
LIVE = WAITING | {State.RUNNING}
FINISHED = frozenset({State.SUCCEEDED, State.CANCELLED, State.DEAD})


class Reason(StrEnum):
    """Why a job ended dead or cancelled: `state_reason` of the job."""

    EXHAUSTED = "exhausted"
    NON_RETRYABLE = "non_retryable"
    POISON = "poison"
    EXPIRED = "expired"
    DEADLINE = "deadline"
    UNROUTABLE = "unroutable"
    UNDECODABLE = "undecodable"
    REQUESTED = "requested"
    DEPENDENCY = "dependency"
    FLOW = "flow"
    FAN_OUT = "fan_out"
    REPLACED = "replaced"
    PARENT = "parent"


#: Reasons of dead jobs; cancelled jobs have the others.
DEAD_REASONS = (
    Reason.EXHAUSTED,
    Reason.NON_RETRYABLE,
    Reason.POISON,
    Reason.EXPIRED,
    Reason.DEADLINE,
    Reason.UNROUTABLE,
    Reason.UNDECODABLE,
)


@dataclass(frozen=True, slots=True)
class Move:
    """One row. A fenced move requires the job's current lease."""

    name: str
    sources: frozenset[State]
    target: State
    fenced: bool
    note: str

    def permits(self, source: State) -> bool:
        return source in self.sources


def _move(
    name: str, sources: set[State] | frozenset[State], target: State, note: str, fenced: bool = False
) -> Move:
    return Move(name, frozenset(sources), target, fenced, note)


PROMOTE = _move("promote", {State.SCHEDULED, State.RETRYING}, State.QUEUED, "its time has come")
RELEASE = _move(
    "release",
    {State.BLOCKED},
    State.QUEUED,
    "its dependencies have finished",
)
POSTPONE = _move("postpone", {State.BLOCKED}, State.SCHEDULED, "released before its scheduled time")
CLAIM = _move("claim", {State.QUEUED}, State.RUNNING, "a worker claimed it")
COMPLETE = _move("complete", {State.RUNNING}, State.SUCCEEDED, "the handler returned", fenced=True)
RETRY = _move("retry", {State.RUNNING}, State.RETRYING, "failed with attempts left", fenced=True)
SNOOZE = _move("snooze", {State.RUNNING}, State.SCHEDULED, "the handler deferred it", fenced=True)
REQUEUE = _move(
    "requeue", {State.RUNNING}, State.QUEUED, "drained: keeps its place, uses no attempt", fenced=True
)
CRASH = _move("crash", {State.RUNNING}, State.QUEUED, "its subprocess died", fenced=True)
RESCUE = _move("rescue", {State.RUNNING}, State.QUEUED, "worker lost: keeps its place, becomes suspect")
REST = _move("rest", {State.RUNNING}, State.SCHEDULED, "lost with its worker at least four times")
WAIT_FOR_CHILDREN = _move(
    "wait_for_children", {State.RUNNING}, State.BLOCKED, "it added children and waits for them", fenced=True
)
GIVE_UP = _move("give_up", {State.RUNNING}, State.DEAD, "a final error, or no attempts left", fenced=True)
STOP = _move("stop", {State.RUNNING}, State.CANCELLED, "stopped on a cancel request", fenced=True)
BURY = _move("bury", LIVE, State.DEAD, "expired, past its deadline or unroutable")
CANCEL = _move("cancel", LIVE, State.CANCELLED, "requested, or forced after the grace period")
REDRIVE = _move(
    "redrive", {State.DEAD, State.CANCELLED}, State.QUEUED, "a new run: resets failures and crashes"
)
DEFER = _move("defer", {State.DEAD, State.CANCELLED}, State.SCHEDULED, "a redrive with a delay")
REDRIVE_AND_WAIT = _move(
    "redrive_and_wait",
    {State.DEAD, State.CANCELLED},
    State.BLOCKED,
    "its flow was retried: waits for its dependencies again",
)
RUN_NOW = _move("run_now", {State.SCHEDULED, State.RETRYING}, State.QUEUED, "an operator ran it now")
RESCHEDULE = _move("reschedule", {State.QUEUED}, State.SCHEDULED, "a client gave it a later time")
WAIT_AGAIN = _move(
    "wait_again", {State.SCHEDULED, State.QUEUED}, State.BLOCKED, "what it follows runs again before it began"
)

MOVES: dict[str, Move] = {
    move.name: move
    for move in (
        PROMOTE, RELEASE, POSTPONE, CLAIM, COMPLETE, RETRY, SNOOZE, REQUEUE, CRASH, RESCUE, REST,
        WAIT_FOR_CHILDREN, GIVE_UP, STOP, BURY, CANCEL, REDRIVE, DEFER, REDRIVE_AND_WAIT, RUN_NOW, RESCHEDULE,
        WAIT_AGAIN,
    )
}  # fmt: skip

#: The states that a new job can be in, by how it gets there.
ARRIVALS: dict[str, State] = {
    "enqueue": State.QUEUED,
    "schedule": State.SCHEDULED,
    "wait": State.BLOCKED,
    # An item that is added to a fan-out during its cancellation.
    "refuse": State.CANCELLED,
}
