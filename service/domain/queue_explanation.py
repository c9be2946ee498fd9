"""Explains why a queued job has not started: its queue, limiters, workers, or the jobs ahead of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from service.domain.explanation_codes import Cause, Code
from service.domain.job import Job
from service.domain.limits import RateLimit

Kind = Literal["queue", "type", "key", "fan"]


@dataclass(frozen=True, slots=True)
class Limiter:
    """A limiter that the job must pass: of its queue, of its limit key or type, or of its fan-out."""

    kind: Kind
    #: When it lets a job start again, if it is closed; infinity: when a running job finishes.
    closed_until: float | None
    max_concurrency: int | None
    running: int
    rate: RateLimit | None
    #: When the rate lets the next job start, if not now.
    rate_opens_at: int | None


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """A live worker that serves the queue, and how many jobs it runs."""

    draining: bool
    knows: bool
    running: int
    capacity: int
    #: Running jobs of the job's type; None with too many running jobs to count them.
    of_type: int | None
    #: The time of the heartbeat that `running` comes from; None if it was counted.
    seen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Workers:
    """`type_limit`: how many jobs of the type each worker runs at a time."""

    loads: Sequence[WorkerLoad]
    type_limit: int | None = None

    @property
    def active(self) -> list[WorkerLoad]:
        """Workers that are not draining."""
        return [load for load in self.loads if not load.draining]


NOBODY = Workers(())


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """A queue, for one of its queued jobs. With `aging_ms` None, priority is strict."""

    paused: bool
    type_paused: bool
    aging_ms: int | None
    #: Jobs ahead of it in its lane.
    ahead: int
    queued: int
    limiters: Sequence[Limiter]


def queue_causes(job: Job, queue: QueueFacts, workers: Workers) -> list[Cause]:
    """All causes; jobs ahead come last, since they wait for the same."""
    causes: list[Cause] = []
    if queue.paused:
        causes.append(Cause("queue_paused", {"queue": job.queue}))
    if queue.type_paused:
        causes.append(Cause("type_paused", {"queue": job.queue, "name": job.name}))
    causes += _of_workers(job, workers)
    for limiter in queue.limiters:
        causes += _of_limiter(job, limiter)
    if queue.ahead:
        causes.append(Cause("jobs_ahead", {"ahead": queue.ahead, **_order(job, queue)}))
    return causes or [Cause("ready", {"queue": job.queue, "queued": queue.queued, **_order(job, queue)})]


def _order(job: Job, queue: QueueFacts) -> dict[str, Any]:
    aging = queue.aging_ms
    return {"priority": job.priority, "aging_seconds": None if aging is None else aging / 1000}


def _of_workers(job: Job, workers: Workers) -> Iterator[Cause]:
    active = workers.active
    able = [load for load in active if load.knows]
    if not active:
        yield Cause("no_worker", {"queue": job.queue, "draining": len(workers.loads)})
        return
    if not able:
        yield Cause("unknown_type", {"queue": job.queue, "name": job.name, "workers": len(active)})
        return
    full = [load.running >= load.capacity for load in able]
    limit = workers.type_limit
    at_limit = [limit is not None and load.of_type is not None and load.of_type >= limit for load in able]
    if all(full):
        seen = [load.seen_at for load in able if load.seen_at is not None]
        yield Cause(
            "workers_busy",
            {
                "workers": len(able),
                "running": sum(load.running for load in able),
                "capacity": sum(load.capacity for load in able),
                **({"seen_at": min(seen)} if seen else {}),
            },
        )
    elif all(one or other for one, other in zip(full, at_limit, strict=True)):
        running = sum(load.of_type or 0 for load in able)
        facts = {"name": job.name, "workers": len(able), "running": running, "limit": limit}
        yield Cause("type_busy", facts)


#: The codes for concurrency, rate and freeze of each kind of limiter.
_CODES: Mapping[Kind, tuple[Code | None, Code | None, Code | None]] = {
    "queue": ("queue_concurrency", "queue_rate", None),
    "type": (None, None, "type_frozen"),
    "key": ("key_concurrency", "key_rate", "key_frozen"),
    "fan": ("fan_out_concurrency", None, None),
}


def _of_limiter(job: Job, limiter: Limiter) -> Iterator[Cause]:
    """Possibly several causes. A limiter that is closed for longer than its rate requires is frozen."""
    concurrency, rate, frozen = _CODES[limiter.kind]
    whose: Mapping[str, Any] = {"queue": job.queue}
    if limiter.kind == "type":
        whose = {"queue": job.queue, "name": job.name}
    elif limiter.kind == "key":
        whose = {"queue": job.queue, "limit_key": job.limit_key}
    elif limiter.kind == "fan":
        whose = {"fan_out_id": job.fan_out_id}
    if concurrency and limiter.max_concurrency is not None and limiter.running >= limiter.max_concurrency:
        yield Cause(concurrency, {**whose, "running": limiter.running, "limit": limiter.max_concurrency})
    opens_at = limiter.rate_opens_at
    if rate and limiter.rate is not None and opens_at is not None:
        per_seconds = limiter.rate.per_ms / 1000
        yield Cause(
            rate, {**whose, "limit": limiter.rate.limit, "per_seconds": per_seconds, "until": opens_at}
        )
    closed_until = limiter.closed_until
    if frozen and closed_until is not None and (opens_at or 0) < closed_until < float("inf"):
        yield Cause(frozen, {**whose, "until": int(closed_until)})
