"""What became of what was asked for, one by one, where many jobs are handled in one call."""

from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import (
    IdempotencyKeyReused,
    InvalidState,
    NotFound,
    QueueFull,
    TooManyQueues,
    TriageError,
    UniqueConflict,
    VersionMismatch,
)
from service.domain.job import Job
from service.domain.states import State

#: Why a job is not stored, apart from what ails Redis.
REFUSALS = (IdempotencyKeyReused, UniqueConflict, QueueFull, TooManyQueues)


class SubmitResult(StrEnum):
    CREATED = "created"
    #: The same submission was sent again.
    DUPLICATE = "duplicate"
    #: An earlier request with the same Idempotency-Key created the job.
    REPLAYED = "replayed"
    #: Another job holds the unique key, and is answered in its place.
    EXISTING = "existing"
    #: A job with the unique key was waiting and took over what was submitted.
    REPLACED = "replaced"
    CONFLICT = "conflict"
    REUSED = "reused"
    FULL = "full"
    TOO_MANY_QUEUES = "too_many_queues"
    #: The schedule's last run is unfinished.
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a submission; `job` is the job as it was created, or the holder of a unique key."""

    result: SubmitResult
    job_id: str
    job: Job | None

    @property
    def error(self) -> TriageError | None:
        """Why there is no job."""
        match self.result:
            case SubmitResult.REUSED:
                return IdempotencyKeyReused()
            case SubmitResult.CONFLICT:
                return UniqueConflict(job_id=self.job_id)
            case SubmitResult.FULL:
                return QueueFull()
            case SubmitResult.TOO_MANY_QUEUES:
                return TooManyQueues()
            case SubmitResult.SKIPPED:
                return InvalidState("The schedule's last run is unfinished.", current_state=State.RUNNING)
            case _:
                return None

    @property
    def replayed(self) -> bool:
        return self.result is SubmitResult.REPLAYED

    def accepted(self) -> "Submitted":
        """Itself; raises the error."""
        if (error := self.error) is not None:
            raise error
        return self


class ChangeResult(StrEnum):
    MOVED = "moved"
    #: A running job was asked to stop.
    REQUESTED = "requested"
    #: The job is in a state that does not permit the change.
    ILLEGAL = "illegal"
    #: Another job holds the unique key.
    CONFLICT = "conflict"
    VERSION = "version"
    MISSING = "missing"
    TOO_MANY_QUEUES = "too_many_queues"


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of a job that was to be changed; state and version are as after the call."""

    result: ChangeResult
    state: State | None
    version: int
    #: Of a conflict: the job that holds the unique key.
    holder: str | None = None

    @property
    def error(self) -> TriageError | None:
        """Why it was not changed."""
        match self.result:
            case ChangeResult.MISSING:
                return NotFound()
            case ChangeResult.CONFLICT:
                return UniqueConflict(job_id=self.holder)
            case ChangeResult.ILLEGAL:
                return InvalidState(f"The job is {self.state}.", current_state=self.state)
            case ChangeResult.VERSION:
                return VersionMismatch()
            case ChangeResult.TOO_MANY_QUEUES:
                return TooManyQueues()
            case ChangeResult.MOVED | ChangeResult.REQUESTED:
                return None

    def done(self) -> "Changed":
        """Itself; raises the error."""
        if (error := self.error) is not None:
            raise error
        return self


class FinishResult(StrEnum):
    """What became of the end of a run."""

    MOVED = "moved"
    #: A cancel was requested: the job was cancelled in place of a retry.
    CANCELLED = "cancelled"
    #: It was written before.
    DUPLICATE = "duplicate"
    #: Somebody else holds the job by now.
    STALE = "stale"
    MISSING = "missing"


class WaitResult(StrEnum):
    """What became of a run that waits for the children of its job."""

    #: The run is over: another one starts when the children have ended.
    WAITING = "waiting"
    #: Every child has ended.
    READY = "ready"
    #: Somebody else holds the job by now.
    STALE = "stale"
