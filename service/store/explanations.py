"""Reads what decides why a job is where it is."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import orjson

from service.domain.catalogue import canonical_name
from service.domain.explanation import Demand, Dependency, Explanation, JobFacts, explain
from service.domain.job import Job
from service.domain.limits import RateLimit
from service.domain.queue_explanation import Kind, Limiter, QueueFacts, WorkerLoad, Workers
from service.domain.states import State
from service.store import codec
from service.store.redis.scripts import Scripts
from service.store.workers import WorkerRecord, WorkerRegistry

#: Of the jobs that a job waits for, so many are named.
NAMED = 20
#: Running jobs of the namespace that are counted by worker; of more of them the heartbeats tell.
COUNTED = 500

#: What a job waits for, by the demand of an edge (keys.dependents).
_DEMANDS: dict[float, Demand] = {3: "child", 4: "fan_out"}
_Runs = dict[tuple[str, str], int] | None


class Explanations:
    """Explains jobs of one namespace: one script, and a look at the workers where they matter."""

    def __init__(self, scripts: Scripts, workers: WorkerRegistry) -> None:
        self._scripts = scripts
        self._workers = workers

    async def of(self, id: str) -> tuple[Job, Explanation] | None:
        """None for a job that does not exist; raises BackendUnavailable when Redis is away."""
        reply = await self._scripts.run("explain", [id, NAMED, COUNTED])
        if not reply:
            return None
        now, fields, *rest = reply
        job_facts = JobFacts(codec.decode_job(id, codec.pairs(fields)), now)
        return job_facts.job, explain(await self._complete(job_facts, rest))

    async def _complete(self, job_facts: JobFacts, rest: Sequence[Any]) -> JobFacts:
        job = job_facts.job
        if job.error is not None:
            job_facts = replace(job_facts, error_type=orjson.loads(job.error)["type"])
        match job.state:
            case State.QUEUED:
                *facts, published, flat = rest
                limit = None if published is None else orjson.loads(published)["concurrency"]
                runs = _runs(flat)
                workers = [worker for worker in await self._workers.alive() if worker.serves(job.queue)]
                loads = [_load(worker, job.name, runs) for worker in workers]
                return replace(job_facts, queue=_queue(facts, job_facts.now), workers=Workers(loads, limit))
            case State.SCHEDULED | State.RETRYING:
                due_at = int(rest[0])
                if due_at > job_facts.now:
                    return replace(job_facts, due_at=due_at)
                # Any claim queues what is due, whatever its worker runs.
                loads = [_load(worker, job.name, None) for worker in await self._workers.alive()]
                return replace(job_facts, due_at=due_at, workers=Workers(loads))
            case State.RUNNING:
                lease_until, forced_at = (None if value is None else int(value) for value in rest)
                return replace(job_facts, lease_until=lease_until, forced_at=forced_at)
            case State.BLOCKED:
                return _blocked(job_facts, *rest)
            case _:
                return job_facts


def _runs(flat: Sequence[Any] | None) -> _Runs:
    if flat is None:
        return None
    rows = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
    return {(worker.decode(), name.decode()): count for worker, name, count in rows}


def _load(worker: WorkerRecord, name: str, runs: _Runs) -> WorkerLoad:
    draining, knows = worker.state == "draining", name in worker.job_types
    if runs is None:
        return WorkerLoad(draining, knows, worker.running, worker.capacity, None, worker.seen_at)
    mine = {type: count for (id, type), count in runs.items() if id == worker.id}
    of_type = sum(count for type, count in mine.items() if canonical_name(type) == canonical_name(name))
    return WorkerLoad(draining, knows, sum(mine.values()), worker.capacity, of_type)


def _queue(facts: Sequence[Any], now: int) -> QueueFacts:
    paused, type_paused, aging, ahead, queued, limiters = facts
    return QueueFacts(
        paused=paused == b"1",
        type_paused=type_paused is not None,
        aging_ms=None if aging == b"strict" else int(aging or 60_000),
        ahead=ahead or 0,
        queued=queued,
        limiters=[_limiter(now, *row) for row in limiters],
    )


def _limiter(
    now: int,
    id: bytes,
    closed_until: bytes | None,
    concurrency: int | None,
    running: int,
    limit: int | None,
    per_ms: int | None,
    rate_opens_at: int | None,
) -> Limiter:
    until = None if closed_until is None else float(closed_until)
    return Limiter(
        kind=cast(Kind, id.decode().partition(":")[0]),
        # One whose time has come is opened by the next claim.
        closed_until=until if until is not None and until > now else None,
        max_concurrency=concurrency,
        running=running,
        rate=None if limit is None or per_ms is None else RateLimit(limit, per_ms),
        rate_opens_at=rate_opens_at,
    )


def _blocked(
    job_facts: JobFacts,
    total: int,
    rows: Sequence[Sequence[bytes | None]],
    holder: bytes | None = None,
    holder_state: bytes | None = None,
) -> JobFacts:
    found = [
        Dependency(_text(id) or "", _text(state), _DEMANDS.get(float(demand or 0), "job"), _text(key))
        for id, state, demand, key in rows
    ]
    return replace(
        job_facts,
        waits_for=total,
        dependencies=sorted(found, key=lambda row: row.id),
        holder=None if holder is None else (holder.decode(), _text(holder_state)),
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
