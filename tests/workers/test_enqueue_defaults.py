"""Jobs that handlers enqueue get the defaults of their job type, then of their queue."""

import pytest

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.fan_out import follow_up_id, item_id
from service.store.namespace import Namespace
from tests.support.factories import claim, limit, register_worker, submit
from workers.arq.hooks import Hooks
from workers.handler import job
from workers.handling.arq_client import TriageRedis
from workers.handling.dependencies import RelatedJobs, WaitingForChildren
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry, handler_of

pytestmark = pytest.mark.anyio


@job(name="typed", priority=3)
async def typed(ctx: object) -> None:
    """Has its own default."""


async def test_a_handler_enqueues_with_the_defaults_of_the_queue(redis_url: str, store: Namespace) -> None:
    await limit(store, "slow", defaults={"priority": 7, "timeout_seconds": 9})
    registry = Registry([handler_of(typed)], Hooks(), [], [])
    ids = iter(range(10))
    redis = TriageRedis(redis_url, store, registry, lambda prefix: f"{prefix}_{next(ids):026d}")
    found = [
        await redis.enqueue_job(name, _queue_name=queue)
        for name, queue in (("plain", "slow"), ("typed", "slow"), ("plain", "fast"))
    ]
    jobs = await store.queries.jobs([enqueued.job_id for enqueued in found if enqueued is not None])
    assert [job and (job.priority, job.timeout_ms) for job in jobs] == [
        (7, 9_000),
        (3, 9_000),
        (100, 300_000),
    ]
    await redis.aclose(close_connection_pool=True)  # type: ignore[no-untyped-call]


async def test_children_and_fan_outs_get_the_defaults_of_their_queue(store: Namespace) -> None:
    await limit(store, "slow", defaults={"priority": 7})
    registry = Registry([handler_of(typed)], Hooks(), [], [])
    await submit(store)
    lease = (await claim(store)).leases[0]
    specs = JobSpecs(registry, store, Clock())
    related_jobs = RelatedJobs(store, specs, lambda prefix: f"{prefix}_{0:026d}", lease)

    fan_out = await related_jobs.fan_out(1, "plain", [{}], None, {"queue": "slow"})
    with pytest.raises(WaitingForChildren):
        await related_jobs.add_children({"child": {"job": {"name": "plain", "queue": "slow"}}})

    child = (await store.dependencies.children(lease.job.id))["child"]
    jobs = await store.queries.jobs([child, item_id(fan_out, 0)])
    assert [job and job.priority for job in jobs] == [7, 7]


async def test_children_and_fan_outs_get_the_defaults_of_types_of_other_workers(store: Namespace) -> None:
    away = JobType("away", defaults={"priority": 4, "timeout_seconds": 9}, redact=("/card",))
    await register_worker(store, [away], job_types=("away",))
    await submit(store)
    lease = (await claim(store)).leases[0]
    specs = JobSpecs(Registry([], Hooks(), [], []), store, Clock())
    related_jobs = RelatedJobs(store, specs, lambda prefix: f"{prefix}_{0:026d}", lease)

    fan_out = await related_jobs.fan_out(1, "away", [{}], "away", {})
    with pytest.raises(WaitingForChildren):
        await related_jobs.add_children({"child": {"job": {"name": "away"}}})

    child = (await store.dependencies.children(lease.job.id))["child"]
    jobs = await store.queries.jobs([child, item_id(fan_out, 0), follow_up_id(fan_out)])
    assert [job and (job.priority, job.timeout_ms, job.redact) for job in jobs] == [
        (4, 9_000, ("/card",))
    ] * 3
