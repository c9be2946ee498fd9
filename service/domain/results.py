"""Results per job of calls that handle many jobs."""

from dataclasses import dataclass
from enum import StrEnum

from service.domain.errors import (
    IdempotencyKeyReused,
    InvalidState,
    NotFound,
    QueueFull,
    QuotaExceeded,
    TooManyQueues,
    TriageError,
    UniqueConflict,
    VersionMismatch,
)
from service.domain.job import Job
from service.domain.record import record
from service.domain.states import State

#: Errors of one submission in a batch.
REFUSALS = (IdempotencyKeyReused, UniqueConflict, QueueFull, TooManyQueues, QuotaExceeded)


class SubmitResult(StrEnum):
    CREATED = "created"
    #: A retry of the same submission.
    DUPLICATE = "duplicate"
    #: An earlier request with the same Idempotency-Key created the job.
    REPLAYED = "replayed"
    #: Another job holds the unique key and is returned instead.
    EXISTING = "existing"
    #: A waiting job with the unique key was replaced by the submitted one.
    REPLACED = "replaced"
    CONFLICT = "conflict"
    REUSED = "reused"
    FULL = "full"
    TOO_MANY_QUEUES = "too_many_queues"
    #: `job_id` is the quota and its limit.
    QUOTA_EXCEEDED = "quota_exceeded"
    #: The schedule's last run is unfinished.
    SKIPPED = "skipped"


@record
class Submitted:
    """The result of a submission; `job` is the job as created, or the holder of a unique key."""

    result: SubmitResult
    job_id: str
    job: Job | None

    @property
    def error(self) -> TriageError | None:
        """Why no job was created."""
        match self.result:
            case SubmitResult.REUSED:
                return IdempotencyKeyReused()
            case SubmitResult.CONFLICT:
                return UniqueConflict(job_id=self.job_id)
            case SubmitResult.FULL:
                return QueueFull()
            case SubmitResult.TOO_MANY_QUEUES:
                return TooManyQueues()
            case SubmitResult.QUOTA_EXCEEDED:
                return QuotaExceeded.read(self.job_id)
            case SubmitResult.SKIPPED:
                return InvalidState("The schedule's last run is unfinished.", current_state=State.RUNNING)
            case _:
                return None

    @property
    def replayed(self) -> bool:
        return self.result is SubmitResult.REPLAYED

    def accepted(self) -> "Submitted":
        """Itself; raises the error."""
        if self.job is None and (error := self.error) is not None:
            raise error
        return self


class ChangeResult(StrEnum):
    MOVED = "moved"
    #: The job is running; its worker will get the cancel request.
    REQUESTED = "requested"
    #: The job's state does not permit the change.
    ILLEGAL = "illegal"
    #: Another job holds the unique key.
    CONFLICT = "conflict"
    VERSION = "version"
    MISSING = "missing"
    TOO_MANY_QUEUES = "too_many_queues"
    QUOTA_EXCEEDED = "quota_exceeded"


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of a change; state and version are as of after the call."""

    result: ChangeResult
    state: State | None
    version: int
    #: With CONFLICT: the job that holds the unique key.
    holder: str | None = None

    @property
    def error(self) -> TriageError | None:
        """Why the job was not changed."""
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
            case ChangeResult.QUOTA_EXCEEDED:
                return QuotaExceeded("The namespace has reached a quota: jobs, limit keys or unique keys.")
            case ChangeResult.MOVED | ChangeResult.REQUESTED:
                return None

    def done(self) -> "Changed":
        """Itself; raises the error."""
        if (error := self.error) is not None:
            raise error
        return self


class FinishResult(StrEnum):
    """The result of storing a run's outcome."""

    MOVED = "moved"
    #: The job had a cancel request and was cancelled instead of retried.
    CANCELLED = "cancelled"
    #: The outcome had already been stored.
    DUPLICATE = "duplicate"
    #: Another worker holds the lease now.
    STALE = "stale"
    MISSING = "missing"


class WaitResult(StrEnum):
    """The result of waiting for the children of a job."""

    #: The run has ended; the next one starts when the children have finished.
    WAITING = "waiting"
    #: Every child has finished.
    READY = "ready"
    #: Another worker holds the lease now.
    STALE = "stale"
