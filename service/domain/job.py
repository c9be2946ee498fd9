"""What a job is: a client's wish (JobSpec), the record that is kept (Job), a worker's hold on it (Lease)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from service.domain import trace_context
from service.domain.retry import RetryPolicy
from service.domain.states import Reason, State

OnConflict = Literal["return_existing", "reject", "replace"]

DEFAULT_PRIORITY = 100
DEFAULT_TIMEOUT_MS = 300_000
DEFAULT_RETENTION_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class ResultForgotten:
    """The key belongs to the whole namespace, and is held for `kept_ms` after the end: arq's `_job_id`."""

    kept_ms: int


UniqueUntil = Literal["started", "finished"] | int | ResultForgotten


@dataclass(frozen=True, slots=True)
class Unique:
    """At most one job of a queue holds `key`; `until` is a milestone of the job, or milliseconds."""

    key: str
    until: UniqueUntil = "finished"
    on_conflict: OnConflict = "return_existing"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A job as requested, with every default resolved. `payload` is JSON text and stays opaque."""

    name: str
    payload: bytes = b"{}"
    queue: str = "default"
    priority: int = DEFAULT_PRIORITY
    #: Relative to Redis time at admission; `run_at_ms` (unix time) wins when both are given.
    delay_ms: int = 0
    run_at_ms: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    #: Per attempt.
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    #: Relative to admission: not started by then -> dead, reason expired.
    expires_ms: int | None = None
    #: Relative to admission, over all attempts.
    deadline_ms: int | None = None
    retention_ms: int = DEFAULT_RETENTION_MS
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    limit_key: str | None = None
    unique: Unique | None = None
    #: Attempts that count as failed before the first run.
    failures: int = 0
    #: W3C trace context of whoever submits.
    traceparent: str | None = None
    #: JSON pointers that its type redacts; None when the type was not known at the submission.
    redact: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is stored. Times are unix milliseconds of the Redis clock; JSON values stay JSON text."""

    id: str
    version: int
    name: str
    queue: str
    state: State
    priority: int
    payload: bytes
    created_at: int
    run_at: int
    retry: RetryPolicy
    timeout_ms: int
    retention_ms: int
    state_reason: str | None = None
    result: bytes | None = None
    error: bytes | None = None
    progress: bytes | None = None
    failures: int = 0
    interruptions: int = 0
    crashes: int = 0
    deliveries: int = 0
    #: Snoozes and freezes since the last failed attempt.
    deferrals: int = 0
    redriven: int = 0
    #: Attempts and log lines may be of runs with another payload.
    payload_replaced: bool = False
    queued_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    expires_at: int | None = None
    deadline_at: int | None = None
    #: What the two were at the submission: a new run is given them again.
    expires_ms: int | None = None
    deadline_ms: int | None = None
    cancel_requested_at: int | None = None
    #: What the requester of the cancel said about it.
    cancel_message: str | None = None
    worker_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    limit_key: str | None = None
    traceparent: str | None = None
    redact: tuple[str, ...] | None = None
    #: As it was asked for; the job may have given the key up since.
    unique: Unique | None = None
    flow_id: str | None = None
    flow_key: str | None = None
    fan_out_id: str | None = None
    fan_out_index: int | None = None

    #: Names of values that are too large for the list that this job was read for.
    truncated: tuple[str, ...] = ()
    #: What tells an item of a fan-out from the others, if its client named it.
    item_key: str | None = None

    @property
    def trace_id(self) -> str | None:
        return trace_context.trace_id(self.traceparent)

    @property
    def attempt(self) -> int:
        """1 during the first run; drains, crashes and snoozes do not raise it. A dead job shows its last."""
        if self.state is State.DEAD and self.state_reason != Reason.POISON:
            return max(1, self.failures)
        return min(self.failures + 1, self.retry.max_attempts)


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's right to run a job and to store its result. `token` identifies one delivery."""

    job: Job
    token: str
    #: A job whose process died under it before: it runs in a process of its own.
    suspect: bool = False
    #: A smooth rate lets it start so many microseconds after the claim.
    starts_in_us: int = 0
