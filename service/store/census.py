"""Counts for metrics and autoscaling; what a read costs does not grow with the number of jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.domain.states import DEAD_REASONS, Reason, State
from service.store import keys
from service.store.queries import Queries
from service.store.worker_registry import WorkerRecord, WorkerRegistry

#: Job types per queue, and due jobs, that are looked at; beyond it there is work for more workers anyway.
LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class QueueCount:
    """`stranded_types`: types with queued jobs here that no worker which serves this queue can run."""

    dead: Mapping[Reason, int]
    rate_limited: int
    stranded_types: int


@dataclass(frozen=True, slots=True)
class Demand:
    """What a queue gives workers to do. `due`: waits for a time that comes within the horizon."""

    queued: int
    running: int
    due: int
    paused: bool

    @property
    def jobs(self) -> int:
        """Slots in use or in demand. Nothing can be started in a paused queue."""
        return self.running if self.paused else self.running + self.queued + self.due


class Census:
    """Counts of one namespace; raises BackendUnavailable when Redis is away."""

    def __init__(self, queries: Queries, workers: WorkerRegistry, prefix: str) -> None:
        self._queries = queries
        self._workers = workers
        self._prefix = prefix

    async def count(self, queues: Sequence[str]) -> dict[str, QueueCount]:
        if not queues:
            return {}

        def ask(pipe: Any) -> None:
            pipe.hmget(keys.counters(self._prefix), [f"rate_limited:{queue}" for queue in queues])
            for queue in queues:
                pipe.hmget(keys.dead(self._prefix), [f"{reason}:{queue}" for reason in DEAD_REASONS])
                pipe.zrange(keys.types(self._prefix, queue=queue), 0, LOOKED_AT - 1)
                pipe.zrange(keys.keyed(self._prefix, queue=queue), 0, LOOKED_AT - 1)

        limited, *rows = await self._queries.pipeline(ask)
        workers = await self._workers.alive()
        return {
            queue: QueueCount(
                dead={reason: int(n or 0) for reason, n in zip(DEAD_REASONS, dead, strict=True)},
                rate_limited=int(times or 0),
                stranded_types=_stranded(queue, {*types, *keyed}, workers),
            )
            for queue, times, (dead, types, keyed) in zip(queues, limited, _triples(rows), strict=True)
        }

    async def demand(self, queue: str, horizon_ms: int) -> Demand:
        """Of a queue that nobody ever used, too: whoever scales it must not take that for an error."""

        def ask(pipe: Any) -> None:
            pipe.time()
            pipe.hget(keys.queue(self._prefix, queue=queue), "paused")
            for state in (State.QUEUED, State.RUNNING, State.SCHEDULED, State.RETRYING):
                pipe.zcard(keys.state(self._prefix, queue=queue, state=state))

        (seconds, micros), paused, queued, running, *later = await self._queries.pipeline(ask)
        until = seconds * 1000 + micros // 1000 + horizon_ms
        # Jobs that are overdue count as well: without a worker nobody makes them queued.
        due = await self._due(queue, until) if any(later) else 0
        return Demand(queued=queued, running=running, due=due, paused=paused == b"1")

    async def _due(self, queue: str, until: int) -> int:
        due = keys.due(self._prefix)
        ids = (
            await self._queries.pipeline(
                lambda pipe: pipe.zrangebyscore(due, "-inf", until, start=0, num=LOOKED_AT)
            )
        )[0]
        if not ids:
            return 0
        found = await self._queries.pipeline(
            lambda pipe: [pipe.hget(keys.job(self._prefix, id=id.decode()), "queue") for id in ids]
        )
        return sum(name == queue.encode() for name in found)


def _triples(rows: Sequence[Any]) -> Iterable[tuple[Any, Any, Any]]:
    return zip(rows[::3], rows[1::3], rows[2::3], strict=True)


def _stranded(queue: str, types: Iterable[bytes], workers: Sequence[WorkerRecord]) -> int:
    known = {name for worker in workers if worker.serves(queue) for name in worker.job_types}
    return sum(name.decode() not in known for name in types)
