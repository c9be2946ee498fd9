"""A stored job (Job), and a worker's right to run it (Lease)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain import trace_context
from service.domain.callback import Callback
from service.domain.job_spec import Unique
from service.domain.record import record
from service.domain.retry import RetryPolicy
from service.domain.states import Reason, State


@record
class Job:
    """A stored job. Times are unix milliseconds of the Redis clock; JSON values stay JSON text."""

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
    #: Attempts and log lines may come from runs with another payload.
    payload_replaced: bool = False
    queued_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    expires_at: int | None = None
    deadline_at: int | None = None
    #: The submitted values, for a redrive to apply again.
    expires_ms: int | None = None
    deadline_ms: int | None = None
    cancel_requested_at: int | None = None
    #: From the request to cancel it.
    cancel_message: str | None = None
    worker_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    limit_key: str | None = None
    traceparent: str | None = None
    redact: tuple[str, ...] | None = None
    #: As requested; the job may have released the key since.
    unique: Unique | None = None
    callback: Callback | None = None
    flow_id: str | None = None
    flow_key: str | None = None
    fan_out_id: str | None = None
    fan_out_index: int | None = None

    #: Names of values that were omitted because they are too large for a list.
    truncated: tuple[str, ...] = ()
    #: The client's key for an item of a fan-out.
    item_key: str | None = None
    #: Of a dead job: the group of its error (domain/fingerprints.py).
    fingerprint: str | None = None

    @property
    def trace_id(self) -> str | None:
        return trace_context.trace_id(self.traceparent)

    @property
    def attempt(self) -> int:
        """1 during the first run; drains, crashes and snoozes do not increase it. A dead job keeps it."""
        if self.state is State.DEAD and self.state_reason != Reason.POISON:
            return max(1, self.failures)
        return min(self.failures + 1, self.retry.max_attempts)


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The small fields of a job, for frequent reads."""

    version: int
    state: State
    state_reason: str | None
    progress: bytes | None
    name: str
    redact: tuple[str, ...] | None


@record
class Lease:
    """A worker's right to run a job and to store its result. `token` identifies one delivery."""

    job: Job
    token: str
    #: A process died while it ran this job, so it runs in its own subprocess.
    suspect: bool = False
    #: Microseconds after the claim at which a smooth rate lets it start.
    starts_in_us: int = 0
    #: Fields that the store gets back at the end of the run, so that it need not read them again.
    held: tuple[bytes, ...] = ()
