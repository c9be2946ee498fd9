"""Counts for metrics and autoscaling; the cost of a read does not grow with the number of jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.states import DEAD_REASONS, Reason
from service.domain.worker import WorkerRecord
from service.store.codec.fields import decode_counts, text, texts
from service.store.queries import Queries
from service.store.redis import keys
from service.store.redis.scripts import Scripts
from service.store.workers import WorkerRegistry

#: Job types per queue that `count` checks.
TYPES_CHECKED = 200


@dataclass(frozen=True, slots=True)
class QueueCount:
    """`unserved_types`: types with queued jobs that no worker of the queue knows."""

    dead: Mapping[Reason, int]
    rate_limited: int
    unserved_types: int


@dataclass(frozen=True, slots=True)
class QueueLoad:
    """How much work a queue has for workers within a horizon.

    `due`: jobs whose time comes within it. `startable`: queued and due jobs, without the jobs that a pause,
    freeze or limit delays beyond it.
    """

    queued: int
    running: int
    due: int
    startable: int
    paused: bool

    @property
    def jobs(self) -> int:
        """Slots that the queue uses or could use."""
        return self.running + self.startable


class QueueMetrics:
    """Counts of one namespace; every method raises BackendUnavailable."""

    def __init__(self, scripts: Scripts, queries: Queries, workers: WorkerRegistry) -> None:
        self._scripts = scripts
        self._queries = queries
        self._workers = workers
        self._prefix = scripts.prefix

    async def count(self, queues: Sequence[str]) -> dict[str, QueueCount]:
        if not queues:
            return {}

        def ask(pipe: Any) -> None:
            pipe.hmget(keys.counters(self._prefix), [f"rate_limited:{queue}" for queue in queues])
            for queue in queues:
                pipe.hmget(keys.dead(self._prefix), [f"{reason}:{queue}" for reason in DEAD_REASONS])
                pipe.zrange(keys.types(self._prefix, queue=queue), 0, TYPES_CHECKED - 1)
                pipe.zrange(keys.keyed(self._prefix, queue=queue), 0, TYPES_CHECKED - 1)

        limited, *rows = await self._queries.pipeline(ask)
        workers = await self._workers.alive()
        return {
            queue: QueueCount(
                dead={reason: int(n or 0) for reason, n in zip(DEAD_REASONS, dead, strict=True)},
                rate_limited=int(times or 0),
                unserved_types=_count_unserved(queue, {*texts(types), *texts(keyed)}, workers),
            )
            for queue, times, (dead, types, keyed) in zip(queues, limited, _triples(rows), strict=True)
        }

    async def dead(self, without: Sequence[str]) -> dict[Reason, int]:
        """Dead jobs by reason, in all queues except some."""
        found = (await self._queries.pipeline(lambda pipe: pipe.hgetall(keys.dead(self._prefix))))[0]
        totals: dict[Reason, int] = {reason: 0 for reason in DEAD_REASONS}
        left_out = set(without)
        for field, number in decode_counts(found).items():
            reason, _, queue = field.partition(":")
            if queue not in left_out:
                totals[Reason(reason)] += number
        return totals

    async def load(self, queue: str, horizon_ms: int) -> QueueLoad:
        """Also for an unused queue, because an autoscaler must not take that for an error."""
        reply = await self._scripts.run("count_startable", [queue, horizon_ms])
        queued, running, due, startable, paused = reply
        return QueueLoad(queued, running, due, startable, text(paused) == "1")


def _triples(rows: Sequence[Any]) -> Iterable[tuple[Any, Any, Any]]:
    return zip(rows[::3], rows[1::3], rows[2::3], strict=True)


def _count_unserved(queue: str, types: Iterable[str], workers: Sequence[WorkerRecord]) -> int:
    known = {name for worker in workers if worker.serves(queue) for name in worker.job_types}
    return sum(name not in known for name in types)
