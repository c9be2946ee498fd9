"""What limits and order promise, kept as a history of starts: small enough to be believed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.domain.job import Lease
from service.domain.limits import RateLimit

AGING = 60_000


@dataclass
class Limit:
    """A limiter, with every start that it let through and what runs under it."""

    concurrency: int | None = None
    rate: RateLimit | None = None
    starts: list[int] = field(default_factory=list[int])
    running: set[str] = field(default_factory=set[str])

    def blocks(self, now: int) -> bool:
        if self.concurrency is not None and len(self.running) >= self.concurrency:
            return True
        if self.rate is None:
            return False
        if self.rate.smooth and self.starts and now < self.starts[-1] + self.rate.per_ms / self.rate.limit:
            return True
        return len([at for at in self.starts if at > now - self.rate.per_ms]) >= self.rate.limit

    def start(self, id: str, now: int) -> None:
        self.starts.append(now)
        self.running.add(id)
        assert self.concurrency is None or len(self.running) <= self.concurrency
        if self.rate is not None:
            window = [at for at in self.starts if at > now - self.rate.per_ms]
            assert len(window) <= self.rate.limit, "the rate was exceeded"
            if self.rate.smooth and len(self.starts) > 1:
                assert now - self.starts[-2] >= self.rate.per_ms / self.rate.limit


@dataclass
class Waiting:
    """A job that is queued, or scheduled until `due`."""

    id: str
    queue: str
    key: str | None
    priority: int
    due: int

    @property
    def score(self) -> int:
        return self.due + self.priority * AGING


@dataclass
class Model:
    """One namespace: the limits of its queues and keys, what waits, and when each lane was last served."""

    queues: dict[str, Limit]
    per_key: dict[str, Limit]
    paused: set[str] = field(default_factory=set[str])
    keys: dict[tuple[str, str], Limit] = field(default_factory=dict[tuple[str, str], Limit])
    waiting: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    running: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    served: dict[tuple[str, str | None], int] = field(default_factory=dict[tuple[str, str | None], int])

    def limits(self, job: Waiting) -> Iterator[Limit]:
        yield self.queues[job.queue]
        if job.key is not None:
            default = self.per_key[job.queue]
            yield self.keys.setdefault((job.queue, job.key), Limit(default.concurrency, default.rate))

    def blocked(self, job: Waiting, now: int) -> bool:
        return job.queue in self.paused or any(limit.blocks(now) for limit in self.limits(job))

    def due(self, now: int) -> list[Waiting]:
        return [job for job in self.waiting.values() if job.due <= now]

    def start(self, lease: Lease, now: int) -> None:
        """A job was claimed: was it permitted, and was it its turn?"""
        job = self.waiting.pop(lease.job.id)
        assert job.due <= now
        assert job.queue not in self.paused
        rivals = [other for other in self.due(now) if other.queue == job.queue]
        for other in rivals:
            if other.key == job.key:
                assert (job.score, job.id) < (other.score, other.id), "a lane runs in its order"
            elif not self.blocked(other, now):
                # At the millisecond, whoever was served in it may or may not go before the other.
                assert self.rank(job) <= self.rank(other) + 1, "another key had waited longer"
        for limit in self.limits(job):
            limit.start(job.id, now)
        self.running[job.id] = job
        if job.key is not None or any(other.key is not None for other in [job, *rivals]):
            self.served[job.queue, job.key] = now

    def rank(self, job: Waiting) -> int:
        """As if queued no earlier than the last start of its lane, if that has waited since."""
        return max(job.due, self.served.get((job.queue, job.key), 0)) + job.priority * AGING

    def leave(self, id: str) -> Waiting:
        job = self.running.pop(id)
        for limit in self.limits(job):
            limit.running.discard(id)
        return job

    def forget_empty_lanes(self) -> None:
        """A lane that has nothing left starts afresh with its next job."""
        used = {(job.queue, job.key) for job in self.waiting.values()}
        for lane in [lane for lane in self.served if lane[1] is not None and lane not in used]:
            del self.served[lane]
