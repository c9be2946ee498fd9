"""Reads the facts that explain why a job has not started or finished."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import orjson

from service.domain.catalogue import canonical_name
from service.domain.explanation import Explanation, JobFacts, explain
from service.domain.job import Job
from service.domain.queue_explanation import WorkerLoad, Workers
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.codec.explanations import Runs, decode_blocked, decode_queue, decode_runs
from service.store.codec.fields import number, pairs
from service.store.codec.jobs import decode_job
from service.store.redis.scripts import Scripts
from service.store.workers import WorkerRegistry

#: Unfinished dependencies that an explanation names at most.
NAMED = 20
#: Running jobs that are counted by worker; with more in the namespace, heartbeats give the numbers.
COUNTED = 500


class Explanations:
    """Explains jobs of one namespace, with one script call, and a read of the workers where they matter."""

    def __init__(self, scripts: Scripts, workers: WorkerRegistry) -> None:
        self._scripts = scripts
        self._workers = workers

    async def of(self, id: str) -> tuple[Job, Explanation] | None:
        """None for a job that does not exist; raises BackendUnavailable."""
        reply = await self._scripts.run("explain", [id, NAMED, COUNTED])
        if not reply:
            return None
        now, fields, *rest = reply
        job_facts = JobFacts(decode_job(id, pairs(fields)), now)
        return job_facts.job, explain(await self._complete(job_facts, rest))

    async def _complete(self, job_facts: JobFacts, rest: Sequence[Any]) -> JobFacts:
        job = job_facts.job
        if job.error is not None:
            job_facts = replace(job_facts, error_type=orjson.loads(job.error)["type"])
        match job.state:
            case State.QUEUED:
                *facts, published, flat = rest
                limit = None if published is None else orjson.loads(published)["concurrency"]
                runs = decode_runs(flat)
                workers = [worker for worker in await self._workers.alive() if worker.serves(job.queue)]
                loads = [_load(worker, job.name, runs) for worker in workers]
                return replace(
                    job_facts, queue=decode_queue(facts, job_facts.now), workers=Workers(loads, limit)
                )
            case State.SCHEDULED | State.RETRYING:
                due_at = int(rest[0])
                if due_at > job_facts.now:
                    return replace(job_facts, due_at=due_at)
                # A claim of any worker queues all due jobs.
                loads = [_load(worker, job.name, None) for worker in await self._workers.alive()]
                return replace(job_facts, due_at=due_at, workers=Workers(loads))
            case State.RUNNING:
                lease_until, forced_at = (number(value) for value in rest)
                return replace(job_facts, lease_until=lease_until, forced_at=forced_at)
            case State.BLOCKED:
                return decode_blocked(job_facts, *rest)
            case _:
                return job_facts


def _load(worker: WorkerRecord, name: str, runs: Runs) -> WorkerLoad:
    draining, knows = worker.state == "draining", name in worker.job_types
    if runs is None:
        return WorkerLoad(draining, knows, worker.running, worker.capacity, None, worker.seen_at)
    mine = {type: count for (id, type), count in runs.items() if id == worker.id}
    of_type = sum(count for type, count in mine.items() if canonical_name(type) == canonical_name(name))
    return WorkerLoad(draining, knows, sum(mine.values()), worker.capacity, of_type)
