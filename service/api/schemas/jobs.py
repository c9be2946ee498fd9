"""Schemas of jobs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.parts.callbacks import CallbackOut, JobCallbackIn
from service.api.schemas.parts.fields import (
    In,
    Key,
    Name,
    NoCursor,
    Out,
    PositiveSeconds,
    Priority,
    Seconds,
    Tags,
    Time,
    inherited,
)
from service.api.schemas.parts.job_parts import ErrorOut, ProgressOut, RetryOut, Truncated, UniqueOut
from service.api.schemas.parts.raw_items import raw
from service.api.schemas.problems import Problem
from service.domain.job_spec import ATTEMPTS, JITTER, UNIQUE_SECONDS

#: The most jobs per bulk submission.
MAX_BULK = 1_000

StateName = Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]


Attempts = Annotated[int, Field(ge=ATTEMPTS.least, le=ATTEMPTS.most)]
Jitter = Annotated[float, Field(ge=JITTER.least, le=JITTER.most)]


class RetryIn(In):
    """When a failed job runs again.

    Absent fields are inherited: a new job takes the job type's value, otherwise the queue's, otherwise the
    default given here. When you change a job, they keep their current value.
    """

    max_attempts: Attempts = inherited(3, "Total attempts, including the first. Default: 3.")
    backoff: Literal["fixed", "linear", "exponential"] = inherited(
        "exponential", "How the delay grows with each failure. Default: exponential."
    )
    delay_seconds: Seconds = inherited(1, "Delay after the first failure. Default: 1.")
    max_delay_seconds: Seconds = inherited(3600, "Longest delay. Default: 3600.")
    jitter: Jitter = inherited(0.2, "The fraction by which a delay is randomly shortened. Default: 0.2.")


class UniqueIn(In):
    """Only one job of a queue holds the key at a time."""

    key: Key
    until: Literal["started", "finished"] | Annotated[float, Field(gt=0, le=UNIQUE_SECONDS.most)] = Field(
        "finished", description="How long the job holds the key: until a milestone, or in seconds from now."
    )
    on_conflict: Literal["return_existing", "reject", "replace"] = Field(
        "return_existing",
        description=(
            "Return the holder with 200, reject with 409, or replace: this job takes the place of a "
            "waiting holder; if the holder is running, the newest job runs once after it."
        ),
    )


class JobSpecIn(In):
    """A job to run. Only `name` is required.

    If `queue`, `priority`, `retry`, `timeout_seconds`, `expires_seconds`, `deadline_seconds` or
    `retention_seconds` is absent, the job inherits the job type's value, otherwise the queue's, otherwise the
    default given here.
    """

    name: Name
    queue: Name = inherited("default", "Default: the job type's queue, otherwise `default`.")
    payload: dict[str, Any] = Field(
        default_factory=dict, description="Keep it to about 1 KB; pass a reference to larger data."
    )
    priority: Priority = inherited(100, "0 to 1000; lower runs first. Default: inherited, otherwise 100.")
    delay_seconds: Seconds = 0
    run_at: Time | None = None
    retry: RetryIn = inherited(RetryIn.model_validate({}), "Absent fields are inherited.")
    timeout_seconds: PositiveSeconds = inherited(300, "Per attempt. Default: inherited, otherwise 300.")
    expires_seconds: PositiveSeconds | None = inherited(
        None,
        "A job not started by then is dead (expired). Default: inherited, otherwise never. null: never.",
    )
    deadline_seconds: PositiveSeconds | None = inherited(
        None, "Across all attempts. Default: inherited, otherwise no limit. null: no limit."
    )
    retention_seconds: Seconds = inherited(
        86_400, "How long Triage keeps the finished job. Default: inherited, otherwise 86400."
    )
    tags: Tags = Field(default_factory=dict)
    limit_key: Key | None = None
    unique: UniqueIn | None = None
    callback: JobCallbackIn | None = None


class JobsIn(In):
    """Up to 1,000 jobs. `atomic`: all or nothing, for at most 500."""

    jobs: Annotated[list[JobSpecIn], Field(min_length=1, max_length=MAX_BULK), raw("list", at_least=1)]
    atomic: bool = False


class JobChangesIn(In):
    """Changes to an unfinished job. Absent fields stay unchanged."""

    priority: Priority | None = None
    run_at: Time | None = None
    tags: Tags | None = None
    retry: RetryIn | None = None


class CancelIn(In):
    """The reason, and how many seconds a running job has to react."""

    reason: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="Stored as `cancel_message`."
    )
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = Field(
        None, description="Default: TRIAGE_CANCEL_GRACE_SECONDS. The earliest of several deadlines applies."
    )


class RedriveIn(In):
    """Runs the job again, optionally with another payload, in another queue, or later."""

    payload: dict[str, Any] | None = Field(default=None, description="If absent: the job's payload.")
    queue: Name | None = Field(default=None, description="If absent: the job's current queue.")
    delay_seconds: Seconds = 0


class JobOut(Out):
    """A job and its state. Times are UTC with milliseconds.

    Without the scope `payload:read`, `payload` and `result` are null and messages are `[redacted]`. The same
    applies while no worker has published the job type.
    """

    id: str
    object: Literal["job"]
    version: int
    name: str
    queue: str
    state: StateName
    state_reason: str | None
    priority: int
    payload: dict[str, Any] | None
    result: Any
    error: ErrorOut | None
    progress: ProgressOut | None
    attempt: int
    max_attempts: int
    retry: RetryOut
    timeout_seconds: float
    expires_seconds: float | None
    deadline_seconds: float | None
    retention_seconds: float
    limit_key: str | None
    unique: UniqueOut | None
    callback: CallbackOut | None
    failures: int
    interruptions: int
    crashes: int
    deliveries: int
    created_at: datetime
    run_at: datetime
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None = Field(description="When a client requested to cancel the job.")
    cancel_message: str | None = Field(description="The `reason` from the cancel request.")
    worker_id: str | None
    flow_id: str | None
    flow_key: str | None
    fan_out_id: str | None
    fan_out_index: int | None
    tags: dict[str, str]
    trace_id: str | None
    truncated: Truncated


class JobPage(Out):
    """A page of jobs, newest first. A short page may still have a next page."""

    items: list[JobOut]
    next_cursor: str | None


class BulkRow(Out):
    """The result for one job of a bulk submission."""

    index: int
    status: int
    job: JobOut | None
    problem: Problem | None


class BulkOut(Out):
    """The result for each job, in the order of the request."""

    succeeded: int
    failed: int
    results: list[BulkRow]


class AttemptOut(Out):
    """An attempt that failed, crashed (its subprocess died) or was lost with its worker."""

    attempt: int
    outcome: Literal["failed", "crashed", "lost"]
    at: datetime
    worker_id: str | None
    duration_seconds: float | None
    type: str
    message: str
    traceback: str


class AttemptPage(Out):
    """Failed attempts, oldest first, at most 50."""

    items: list[AttemptOut]
    next_cursor: NoCursor


class LogOut(Out):
    """A line that the handler logged."""

    at: datetime
    message: str


class LogPage(Out):
    """Log lines, oldest first, at most 1,000."""

    items: list[LogOut]
    next_cursor: NoCursor
