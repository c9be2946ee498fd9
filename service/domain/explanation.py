"""Explains the state of a job and what it is waiting for, from facts that were read together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.domain.explanation_codes import Cause, Code
from service.domain.job import Job
from service.domain.queue_explanation import NOBODY, QueueFacts, Workers, queue_causes
from service.domain.states import WAITING, State

DependencyKind = Literal["job", "child", "fan_out"]


@dataclass(frozen=True, slots=True)
class Dependency:
    """An unfinished dependency; `state` is None if it was deleted."""

    id: str
    state: str | None
    kind: DependencyKind
    key: str | None


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job and the facts that its state requires. Times are unix ms."""

    job: Job
    now: int
    queue: QueueFacts | None = None
    #: Workers of its queue; for a job whose time has come, of any queue.
    workers: Workers = NOBODY
    error_type: str | None = None
    due_at: int | None = None
    lease_until: int | None = None
    forced_at: int | None = None
    waits_for: int = 0
    dependencies: Sequence[Dependency] = ()
    #: Id and state of the job that holds its unique key.
    holder: tuple[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`next_at`: when the job can proceed, if it only waits for a time."""

    causes: Sequence[Cause]
    next_at: int | None = None


def explain(job_facts: JobFacts) -> Explanation:
    """At least one cause, the most important first."""
    job = job_facts.job
    late = _late(job_facts)
    if late is not None:
        return Explanation([late])
    match job.state:
        case State.QUEUED:
            assert job_facts.queue is not None
            causes = queue_causes(job, job_facts.queue, job_facts.workers)
            return Explanation(causes, _next_at(causes))
        case State.SCHEDULED | State.RETRYING:
            return _delayed(job_facts)
        case State.BLOCKED:
            return Explanation(_blocked(job_facts))
        case State.RUNNING:
            return _running(job_facts)
        case State.SUCCEEDED:
            return Explanation([Cause("succeeded", {"finished_at": job.finished_at})])
        case State.CANCELLED:
            facts = {"state_reason": job.state_reason, "finished_at": job.finished_at, **_said(job)}
            return Explanation([Cause("cancelled", facts)])
        case State.DEAD:
            return Explanation([Cause("dead", _dead(job_facts))])


def _late(job_facts: JobFacts) -> Cause | None:
    """A waiting job that has expired will be dead after the next check."""
    job, now = job_facts.job, job_facts.now
    if job.state not in WAITING:
        return None
    if job.deadline_at is not None and job.deadline_at <= now:
        return Cause("overdue", {"state_reason": "deadline", "until": job.deadline_at})
    if job.expires_at is not None and job.started_at is None and job.expires_at <= now:
        return Cause("overdue", {"state_reason": "expired", "until": job.expires_at})
    return None


def _next_at(causes: Sequence[Cause]) -> int | None:
    times: list[int | None] = [cause.facts.get("until") for cause in causes]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _delayed(job_facts: JobFacts) -> Explanation:
    job, due_at = job_facts.job, job_facts.due_at
    assert due_at is not None
    if due_at <= job_facts.now:
        causes = [Cause("due", {"until": due_at})]
        if not job_facts.workers.active:
            causes.append(Cause("no_live_worker", {"draining": len(job_facts.workers.loads)}))
        return Explanation(causes)
    if job.state is State.SCHEDULED:
        return Explanation([Cause("scheduled", {"until": due_at})], due_at)
    facts = {
        "until": due_at,
        "attempt": job.failures,
        "max_attempts": job.retry.max_attempts,
        "error_type": job_facts.error_type,
    }
    return Explanation([Cause("retrying", facts)], due_at)


def _said(job: Job) -> dict[str, Any]:
    return {} if job.cancel_message is None else {"cancel_message": job.cancel_message}


def _running(job_facts: JobFacts) -> Explanation:
    job, lease_until = job_facts.job, job_facts.lease_until
    assert lease_until is not None
    facts: dict[str, Any] = {
        "worker_id": job.worker_id,
        "started_at": job.started_at,
        "lease_until": lease_until,
        "attempt": job.attempt,
        "max_attempts": job.retry.max_attempts,
    }
    causes = [Cause("running" if lease_until > job_facts.now else "lease_expired", facts)]
    if job.cancel_requested_at is None:
        return Explanation(causes)
    request = {
        "requested_at": job.cancel_requested_at,
        "forced_at": job_facts.forced_at,
        **_said(job),
    }
    return Explanation([*causes, Cause("cancel_requested", request)], job_facts.forced_at)


def _blocked(job_facts: JobFacts) -> list[Cause]:
    causes: list[Cause] = []
    if job_facts.dependencies:
        kinds: set[DependencyKind] = {row.kind for row in job_facts.dependencies}
        rows = [{"id": row.id, "key": row.key, "state": row.state} for row in job_facts.dependencies]
        code = _CODES[kinds.pop()] if len(kinds) == 1 else "dependencies"
        causes.append(Cause(code, {"total": job_facts.waits_for, "waits_for": rows}))
    if job_facts.holder is not None:
        id, state = job_facts.holder
        causes.append(Cause("unique_holder", {"holder_id": id, "holder_state": state}))
    return causes or [Cause("release_pending", {})]


_CODES: dict[DependencyKind, Code] = {"job": "dependencies", "child": "children", "fan_out": "fan_out"}


def _dead(job_facts: JobFacts) -> dict[str, Any]:
    job = job_facts.job
    return {
        "state_reason": job.state_reason,
        "finished_at": job.finished_at,
        "attempt": job.failures,
        "max_attempts": job.retry.max_attempts,
        "crashes": job.crashes,
        "error_type": job_facts.error_type,
        "retry": f"/v1/jobs/{job.id}/retry",
    }
