"""Bulk actions, the jobs they act on, and the worker that carries them out."""

from collections import Counter
from typing import Any

from service.domain.bulk_action import BulkAction, BulkSpec
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.support.factories import IDS, new_id

QUEUED = BulkSpec("cancel", JobFilter(queue="default", state=State.QUEUED))


DEAD = BulkSpec("retry", JobFilter(state=State.DEAD))


def move_time(store: Namespace, ms: int) -> None:
    store.scripts.now = str(int(store.scripts.now) + ms)


async def begin(store: Namespace, spec: BulkSpec) -> str:
    return (await store.bulk_actions.create(IDS.new("act"), spec, None)).action.id


async def read(store: Namespace, id: str) -> BulkAction:
    action = await store.bulk_actions.get(id)
    assert action is not None
    return action


async def drain(store: Namespace, id: str, step: int = 20) -> BulkAction:
    """Work until the action has finished; advance the clock whenever nothing is due."""
    while (action := await read(store, id)).live:
        if await store.bulk_batches.work() != 0:
            move_time(store, step)
    return action


async def many(store: Namespace, count: int, **fields: Any) -> list[str]:
    given: Any = {"name": "work", **fields}
    spec = JobSpec(**given)
    responses = await store.jobs.submit([Submission(new_id(), spec) for _ in range(count)])
    return [response.job_id for response in responses]


async def bury(store: Namespace, count: int, **fields: Any) -> list[str]:
    """Dead jobs: they expired before they were claimed."""
    ids = await many(store, count, expires_ms=1, **fields)
    move_time(store, 1)
    while await store.leases.expire_jobs(500) != (0, None):
        pass
    return ids


async def states(store: Namespace, ids: list[str]) -> Counter[str | None]:
    jobs = await store.queries.outlines(ids)
    return Counter(None if job is None else str(job.state) for job in jobs)


async def redrives(store: Namespace, ids: list[str]) -> Counter[int]:
    return Counter(0 if job is None else job.redriven for job in await store.queries.jobs(ids))
