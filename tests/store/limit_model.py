"""What limits and order guarantee, as a history of starts that is simple enough to trust."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from service.domain.limits import RateLimit

AGING = 60_000
#: In microseconds: how far ahead of its start a job may be claimed, and how late a start may be made up for.
AHEAD, BEHIND = 5_000, 50_000


Lane = tuple[str, str | None, str | None]


@dataclass
class Limit:
    """A limiter, with every start that it allowed and the jobs that run under it."""

    concurrency: int | None = None
    rate: RateLimit | None = None
    #: In microseconds.
    starts: list[int] = field(default_factory=list[int])
    running: set[str] = field(default_factory=set[str])
    #: For a smooth rate: the slot of the last start, which is when it would have begun with a punctual
    #: worker.
    slot: int = 0

    def blocks(self, now: int) -> bool:
        if self.concurrency is not None and len(self.running) >= self.concurrency:
            return True
        if self.rate is None:
            return False
        if self.rate.smooth:
            return self.opens() > now * 1000 + AHEAD
        return self.in_window(now * 1000) >= self.rate.limit

    def in_window(self, until: int) -> int:
        assert self.rate is not None
        return len([at for at in self.starts if at > until - self.rate.per_ms * 1000])

    def opens(self) -> int:
        """The next start that a smooth rate allows."""
        assert self.rate is not None
        limit, per = self.rate.limit, self.rate.per_ms * 1000
        after = self.starts[-1:] + [at + per for at in self.starts[-limit:][:1] if len(self.starts) >= limit]
        return max([*after, self.slot + math.ceil(per / limit) if self.starts else 0])

    def start(self, id: str, at: int, queued: int) -> None:
        """`at` and `queued` in microseconds."""
        if self.rate is not None and self.rate.smooth:
            assert at >= self.opens(), "a start before its slot"
            next_slot = self.slot + math.ceil(self.rate.per_ms * 1000 / self.rate.limit) if self.starts else 0
            self.slot = at if at - next_slot > BEHIND else max(next_slot, min(queued, at))
        assert self.rate is None or self.starts[-1:] <= [at], "starts of a rate are out of order"
        self.starts.append(at)
        self.running.add(id)
        assert self.concurrency is None or len(self.running) <= self.concurrency
        if self.rate is not None:
            assert self.in_window(at) <= self.rate.limit, "the rate was exceeded"


@dataclass
class Waiting:
    """A job that is queued, or scheduled until `due`."""

    id: str
    queue: str
    name: str
    key: str | None
    priority: int
    due: int
    losses: int = 0

    @property
    def score(self) -> int:
        return self.due + self.priority * AGING

    @property
    def lane(self) -> Lane:
        """Jobs without a key share one lane, whatever their type."""
        return (self.queue, self.name, self.key) if self.key else (self.queue, None, None)


@dataclass
class Model:
    """One namespace: the limits of its queues and keys, its waiting jobs, and the last start of each lane."""

    queues: dict[str, Limit]
    per_key: dict[str, Limit]
    paused: set[str] = field(default_factory=set[str])
    paused_types: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    keys: dict[tuple[str, str], Limit] = field(default_factory=dict[tuple[str, str], Limit])
    waiting: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    running: dict[str, Waiting] = field(default_factory=dict[str, Waiting])
    served: dict[Lane, int] = field(default_factory=dict[Lane, int])

    def limits(self, job: Waiting) -> Iterator[Limit]:
        yield self.queues[job.queue]
        if job.key is not None:
            default = self.per_key[job.queue]
            yield self.keys.setdefault((job.queue, job.key), Limit(default.concurrency, default.rate))

    def blocked(self, job: Waiting, now: int) -> bool:
        paused = job.queue in self.paused or (job.queue, job.name) in self.paused_types
        return paused or any(limit.blocks(now) for limit in self.limits(job))

    def due(self, now: int) -> list[Waiting]:
        return [job for job in self.waiting.values() if job.due <= now]

    def start(self, id: str, now: int, ahead: int, in_turn: bool) -> Waiting:
        """A claimed job was allowed to start, and was the next one unless its key's turn continues.

        `ahead`: microseconds from now to its start.
        """
        job = self.waiting.pop(id)
        assert job.due <= now
        assert job.queue not in self.paused
        assert (job.queue, job.name) not in self.paused_types
        rivals = [
            other for other in self.due(now) if other.queue == job.queue and not self.blocked(other, now)
        ]
        for other in rivals:
            if other.lane == job.lane:
                # Types have separate lines: within one millisecond, either may go first.
                tie = job.score == other.score and job.name != other.name
                assert tie or (job.score, job.id) < (other.score, other.id), "a lane ran out of order"
            elif other is self.head(other.lane, rivals) and not in_turn:
                # Times are in milliseconds, so a lane served within the same one may go before or after the
                # other.
                assert self.rank(job) <= self.rank(other) + 1, "another key had waited longer"
        # Jobs without a key take turns only with keys that could have started a job as well.
        in_turns = job.key is not None or any(other.key is not None for other in rivals)
        for limit in self.limits(job):
            limit.start(job.id, now * 1000 + ahead, job.due * 1000)
        self.running[job.id] = job
        if in_turns:
            self.served[job.lane] = now
        return job

    @staticmethod
    def head(lane: Lane, jobs: list[Waiting]) -> Waiting:
        """The first job of a lane."""
        return min((job for job in jobs if job.lane == lane), key=lambda job: (job.score, job.id))

    def rank(self, job: Waiting) -> int:
        """As if it had been queued no earlier than its lane's last start."""
        return max(job.due, self.served.get(job.lane, 0)) + job.priority * AGING

    def leave(self, id: str) -> Waiting:
        job = self.running.pop(id)
        for limit in self.limits(job):
            limit.running.discard(id)
        return job

    def forget_empty_lanes(self, now: int) -> None:
        """An empty lane loses its place; its next job starts afresh."""
        used = {job.lane for job in self.due(now)}
        for lane in [lane for lane in self.served if lane[2] is not None and lane not in used]:
            del self.served[lane]
