"""Schemas of dead letters, workers, job types, health and autoscaling."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from service.api.schemas.jobs import AttemptOut
from service.api.schemas.parts.fields import NoCursor, Out
from service.api.schemas.parts.job_parts import ErrorOut, Truncated


class DeadLetterOut(Out):
    """A dead job with its reason and attempts. Lists show only the last attempt."""

    job_id: str
    object: Literal["dlq_entry"]
    name: str
    queue: str
    reason: str | None
    error: ErrorOut | None
    failures: int
    crashes: int
    dead_at: datetime | None
    payload: dict[str, Any] | None
    attempts: list[AttemptOut]
    redriven: int
    fingerprint: str | None = Field(description="Its group in GET /v1/dlq/groups.")
    truncated: Truncated


class DeadLetterPage(Out):
    items: list[DeadLetterOut]
    next_cursor: str | None


class DeadLetterGroupOut(Out):
    """Dead letters with the same cause: job type, error type, and the message without numbers and ids."""

    fingerprint: str
    object: Literal["dlq_group"]
    name: str | None = Field(description="The job type; null in the group of all further causes.")
    error_type: str | None = Field(
        description="null if the jobs died without an error, such as expired ones."
    )
    message: str | None = Field(description="From one of the jobs. `[redacted]` as in errors of jobs.")
    reason: str | None = Field(description="The reason of the latest dead letter.")
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    queues: list[str] = Field(description="The last 5, latest first.")
    versions: list[str] = Field(description="The last 5 worker versions, latest first.")
    example_job_id: str = Field(description="The latest dead letter of the group.")


class DeadLetterGroupPage(Out):
    items: list[DeadLetterGroupOut]
    next_cursor: str | None


class WorkerOut(Out):
    """A worker process as of its last heartbeat."""

    id: str
    object: Literal["worker"]
    host: str
    pid: int
    version: str
    queues: dict[str, int]
    job_types: list[str]
    state: Literal["running", "draining", "lost"]
    running: int
    capacity: int
    started_at: datetime
    seen_at: datetime


class WorkerPage(Out):
    items: list[WorkerOut]
    next_cursor: str | None


class JobTypeOut(Out):
    """A job type that at least one live worker knows."""

    name: str
    object: Literal["job_type"]
    description: str
    executor: Literal["async", "thread", "process"]
    concurrency: int | None
    payload_schema: dict[str, Any] | None
    defaults: dict[str, Any]
    redact: list[str]


class JobTypePage(Out):
    items: list[JobTypeOut]
    next_cursor: NoCursor


class HealthOut(Out):
    """`problem` says what is wrong."""

    status: Literal["ok", "failing"]
    problem: str | None = None


class AutoscaleOut(Out):
    """`value` is running plus startable jobs: queued or due within 30 s, and not held back."""

    queue: str
    value: int
    queued: int
    running: int
    due: int
    startable: int
    paused: bool
