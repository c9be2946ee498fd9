"""Jobs as clients write and read them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

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

#: Jobs of one bulk submission.
MAX_BULK = 1_000

StateName = Literal["blocked", "scheduled", "queued", "running", "retrying", "succeeded", "cancelled", "dead"]


Attempts = Annotated[int, Field(ge=ATTEMPTS.least, le=ATTEMPTS.most)]
Jitter = Annotated[float, Field(ge=JITTER.least, le=JITTER.most)]


class RetryIn(In):
    """When a failed job runs again.

    An absent field is inherited. A new job takes the job type's value, else the queue's, else the one named
    here; a job that is being changed keeps its current value.
    """

    max_attempts: Attempts = inherited(3, "Runs in all, the first one included. If none is set: 3.")
    backoff: Literal["fixed", "linear", "exponential"] = inherited(
        "exponential", "How the delay grows from failure to failure. If none is set: exponential."
    )
    delay_seconds: Seconds = inherited(1, "Delay after the first failure. If none is set: 1.")
    max_delay_seconds: Seconds = inherited(3600, "Longest delay. If none is set: 3600.")
    jitter: Jitter = inherited(0.2, "Share by which a delay is shortened at random. If none is set: 0.2.")


class UniqueIn(In):
    """At most one job of a queue holds the key."""

    key: Key
    until: Literal["started", "finished"] | Annotated[float, Field(gt=0, le=UNIQUE_SECONDS.most)] = Field(
        "finished", description="How long the job holds the key: a milestone, or seconds from now."
    )
    on_conflict: Literal["return_existing", "reject", "replace"] = Field(
        "return_existing",
        description="200 with the holder, 409, or replace: the waiting holder becomes this job; "
        "behind a running one the newest runs once after it.",
    )


class JobSpecIn(In):
    """A job to run. Only `name` is required.

    If `queue`, `priority`, `retry`, `timeout_seconds`, `expires_seconds`, `deadline_seconds` or
    `retention_seconds` is absent, it is inherited: the job type's value, else the queue's, else the one named
    here.
    """

    name: Name
    queue: Name = inherited("default", "Absent: the job type's queue, else `default`.")
    payload: dict[str, Any] = Field(
        default_factory=dict, description="About 1 KB; refer to larger data by id."
    )
    priority: Priority = inherited(100, "0 to 1000; lower runs first. Absent: inherited, else 100.")
    delay_seconds: Seconds = 0
    run_at: Time | None = None
    retry: RetryIn = inherited(RetryIn.model_validate({}), "Absent, as a whole or in part: inherited.")
    timeout_seconds: PositiveSeconds = inherited(300, "Per attempt. Absent: inherited, else 300.")
    expires_seconds: PositiveSeconds | None = inherited(
        None,
        "Not started in time: dead, reason expired. Absent: inherited, else never. null: never.",
    )
    deadline_seconds: PositiveSeconds | None = inherited(
        None, "Over all attempts. Absent: inherited, else no limit. null: no limit."
    )
    retention_seconds: Seconds = inherited(
        86_400, "How long the finished job is kept. Absent: inherited, else 86400."
    )
    tags: Tags = Field(default_factory=dict)
    limit_key: Key | None = None
    unique: UniqueIn | None = None


class JobsIn(In):
    """Up to 1,000 jobs. `atomic`: all or nothing, for at most 500."""

    jobs: Annotated[list[JobSpecIn], Field(min_length=1, max_length=MAX_BULK), raw("list", at_least=1)]
    atomic: bool = False


class JobChangesIn(In):
    """Changes to a job that has not finished. An absent field stays as it is."""

    priority: Priority | None = None
    run_at: Time | None = None
    tags: Tags | None = None
    retry: RetryIn | None = None


class CancelIn(In):
    """Why, and how many seconds a running job gets to react."""

    reason: Annotated[str, Field(max_length=256)] | None = Field(
        None, description="Kept as `cancel_message`."
    )
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = Field(
        None, description="Absent: TRIAGE_CANCEL_GRACE_SECONDS. The earliest end of several requests holds."
    )


class RedriveIn(In):
    """A new run, with another payload, in another queue, or later."""

    payload: dict[str, Any] | None = Field(default=None, description="Absent: the job's own.")
    queue: Name | None = Field(default=None, description="Absent: the job's own.")
    delay_seconds: Seconds = 0


class JobOut(Out):
    """A job and where it is. Times are UTC with milliseconds.

    Without the scope `payload:read`, and while no worker has published the job type, `payload` and `result`
    are null, and messages are `[redacted]`.
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
    cancel_requested_at: datetime | None = Field(description="When a running job was asked to end.")
    cancel_message: str | None = Field(description="The `reason` that the cancel request gave.")
    worker_id: str | None
    flow_id: str | None
    flow_key: str | None
    fan_out_id: str | None
    fan_out_index: int | None
    tags: dict[str, str]
    trace_id: str | None
    truncated: Truncated


class JobPage(Out):
    """A page of jobs, newest first; it may be short and still have a next one."""

    items: list[JobOut]
    next_cursor: str | None


class BulkRow(Out):
    """What became of one job of a bulk submission."""

    index: int
    status: int
    job: JobOut | None
    problem: Problem | None


class BulkOut(Out):
    """What became of each job, in the order of the request."""

    succeeded: int
    failed: int
    results: list[BulkRow]


class AttemptOut(Out):
    """One attempt that failed, crashed (its own process died) or was lost with its worker."""

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
