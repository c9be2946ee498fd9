"""Schemas of dead letters, workers, job types, health and autoscaling."""

from datetime import datetime
from typing import Any, Literal

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
    truncated: Truncated


class DeadLetterPage(Out):
    items: list[DeadLetterOut]
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
