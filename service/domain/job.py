"""What a job is once it is stored (Job), and a worker's right to run it (Lease)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from service.domain import trace_context
from service.domain.job_spec import Unique
from service.domain.record import record
from service.domain.retry import RetryPolicy
from service.domain.states import Reason, State


@record
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
class JobStatus:
    """Where a job is: what is read often of one whose payload and result may be large."""

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
    #: A job whose process died under it before: it runs in a process of its own.
    suspect: bool = False
    #: A smooth rate lets it start so many microseconds after the claim.
    starts_in_us: int = 0
