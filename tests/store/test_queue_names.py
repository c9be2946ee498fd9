"""Which queues exist: a namespace has a maximum, and forgets a queue that has neither jobs nor settings."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.domain.errors import QueueNotEmpty, TooManyQueues
from service.domain.fan_out import FanOutSpec, Item
from service.domain.flow import FlowSpec, Node
from service.domain.job_spec import JobSpec
from service.domain.results import SubmitResult
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.support.factories import (
    BROKEN,
    DAY,
    HOPELESS,
    IDS,
    OK,
    QUICK,
    claim,
    finish,
    limit,
    new_id,
    submit,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
async def full(store: Namespace) -> Namespace:
    """A namespace that may have two queues, and has them."""
    few = Namespace(store.scripts.redis, store.scripts.namespace, DAY, max_queues=2)
    await submit(few, queue="one")
    await submit(few, queue="two")
    return few


def spec(queue: str = "three", **fields: Any) -> JobSpec:
    return JobSpec("work", queue=queue, retry=QUICK, **fields)


async def by_job(store: Namespace) -> None:
    (response,) = await store.jobs.submit([Submission(new_id(), spec())])
    response.accepted()


async def by_flow(store: Namespace) -> None:
    nodes = {"here": Node(spec("one")), "there": Node(spec())}
    await store.flows.create(IDS.new("flow", members=2), FlowSpec("flow", nodes), None)


async def by_fan_out(store: Namespace) -> None:
    await store.fan_outs.create(IDS.new("fan", members=9), FanOutSpec(spec(), whole=False), 0, None)


async def by_follow_up(store: Namespace) -> None:
    fan_out = FanOutSpec(spec("one"), spec(), whole=False)
    await store.fan_outs.create(IDS.new("fan", members=9), fan_out, 0, None)


async def by_redrive(store: Namespace) -> None:
    lease = (await claim(store, queues={"one": 1})).leases[0]
    await finish(store, lease, HOPELESS)
    await store.jobs.redrive([lease.job.id], queue="three")


async def by_settings(store: Namespace) -> None:
    await limit(store, "three", max_concurrency=1)


async def by_pausing_a_type(store: Namespace) -> None:
    await store.queues.pause_job_type("three", "work", paused=True)


async def by_child(store: Namespace) -> None:
    lease = (await claim(store, queues={"one": 1})).leases[0]
    await store.dependencies.wait_for_children(lease, {"child": Node(spec())}, {"child": new_id()})


async def by_schedule(store: Namespace) -> None:
    times = {"cron": "0 0 * * *", "every_ms": None, "timezone": "UTC", "start_ms": None, "end_ms": None}
    definition = {**times, "overlap": "allow", "catch_up": "none", "job": {"name": "work"}}
    await store.schedules.put("nightly", definition, False, None, 0, "three")


WAYS = [
    by_job, by_flow, by_fan_out, by_follow_up, by_redrive, by_settings, by_pausing_a_type, by_child,
    by_schedule,
]  # fmt: skip


@pytest.mark.parametrize("create", WAYS)
async def test_no_operation_creates_one_queue_too_many(
    full: Namespace, create: Callable[[Namespace], Awaitable[None]]
) -> None:
    with pytest.raises(TooManyQueues):
        await create(full)
    assert await full.queues.names() == ["one", "two"]


async def test_existing_queues_accept_more(full: Namespace) -> None:
    await submit(full, queue="one")
    await limit(full, "two", max_concurrency=1)
    assert await full.queues.names() == ["one", "two"]


async def test_a_batch_creates_as_many_queues_as_fit(store: Namespace) -> None:
    few = Namespace(store.scripts.redis, store.scripts.namespace, DAY, max_queues=2)
    batch = [Submission(new_id(), spec(queue)) for queue in ("a", "a", "b", "c", "a", "d")]
    words = [response.result for response in await few.jobs.submit(batch)]
    assert words == ["created", "created", "created", "too_many_queues", "created", "too_many_queues"]


async def test_many_at_once_do_not_pass_the_limit(store: Namespace) -> None:
    few = Namespace(store.scripts.redis, store.scripts.namespace, DAY, max_queues=5)
    batches = [[Submission(new_id(), spec(f"q{number}"))] for number in range(40)]
    responses = await asyncio.gather(*(few.jobs.submit(batch) for batch in batches))
    assert sorted(response.result for (response,) in responses).count(SubmitResult.CREATED) == 5
    assert len(await few.queues.names()) == 5


async def test_a_queue_is_forgotten_with_its_last_job(full: Namespace) -> None:
    lease = (await claim(full, queues={"one": 1})).leases[0]
    await finish(full, lease, OK)
    assert await full.queues.names() == ["one", "two"]
    await full.jobs.delete([lease.job.id])
    assert await full.queues.names() == ["two"]
    assert await full.queues.get("one") is None
    await by_job(full)


async def test_retention_forgets_queues_as_well(store: Namespace) -> None:
    for number in range(3):
        await submit(store, queue=f"q{number}", retention_ms=0)
    for lease in (await claim(store, 5)).leases:
        await finish(store, lease, OK)
    await store.leases.prune()
    assert await store.queues.names() == []


async def test_settings_outlive_the_jobs(store: Namespace) -> None:
    for queue, settings in (("paused", {"paused": True}), ("defaults", {"defaults": {"priority": 5}})):
        await limit(store, queue, **settings)
        id = await submit(store, queue=queue)
        await store.jobs.cancel([id], 0)
        await store.jobs.delete([id])
    assert await store.queues.names() == ["defaults", "paused"]


async def test_settings_that_were_reset_do_not(store: Namespace) -> None:
    await limit(store, "default", paused=True)
    await limit(store, "default", paused=False)
    id = await submit(store)
    await store.jobs.cancel([id], 0)
    await store.jobs.delete([id])
    assert await store.queues.names() == []


async def test_a_redrive_into_another_queue_leaves_none_behind(store: Namespace) -> None:
    id = await submit(store, queue="old")
    await store.jobs.cancel([id], 0)
    await store.jobs.redrive([id], queue="new")
    assert await store.queues.names() == ["new"]


async def test_an_empty_fan_out_makes_no_queue(store: Namespace) -> None:
    id = IDS.new("fan", members=9)
    await store.fan_outs.create(id, FanOutSpec(spec("later"), whole=False), 0, None)
    assert await store.queues.names() == []
    await store.fan_outs.add_items(id, [Item(0, b"{}")])
    assert await store.queues.names() == ["later"]


async def test_a_fan_out_whose_queue_was_forgotten_is_checked_again(store: Namespace) -> None:
    few = Namespace(store.scripts.redis, store.scripts.namespace, DAY, max_queues=1)
    id = IDS.new("fan", members=9)
    await few.fan_outs.create(id, FanOutSpec(spec("later"), whole=False), 0, None)
    await submit(few, queue="other")
    with pytest.raises(TooManyQueues):
        await few.fan_outs.add_items(id, [Item(0, b"{}")])
    assert await few.queues.names() == ["other"]


async def test_deleting_a_queue_forgets_its_settings(store: Namespace) -> None:
    await limit(store, "default", max_concurrency=1, paused=True)
    assert await store.queues.delete("default")
    assert not await store.queues.delete("default")
    await submit(store)
    await submit(store)
    assert len((await claim(store, 2)).leases) == 2
    queue = await store.queues.get("default")
    assert queue is not None
    assert (queue.settings.max_concurrency, queue.settings.paused, queue.settings.version) == (None, False, 1)


async def test_a_queue_with_jobs_is_not_deleted(store: Namespace) -> None:
    await submit(store)
    lease = (await claim(store)).leases[0]
    for outcome in (BROKEN, None):
        with pytest.raises(QueueNotEmpty):
            await store.queues.delete("default")
        if outcome is not None:
            await finish(store, lease, outcome)


async def test_nothing_is_left_of_a_forgotten_queue(store: Namespace) -> None:
    """Clients invent the names, so everything stored for a queue must go with it."""
    redis: Any = store.scripts.redis
    await submit(store, queue="gone", retention_ms=0, limit_key="acme")
    await submit(store, queue="gone", retention_ms=0)
    leases = (await claim(store, 2)).leases
    await finish(store, leases[0], HOPELESS)
    await finish(store, leases[1], OK)
    await store.jobs.delete([lease.job.id for lease in leases])
    left = [key async for key in redis.scan_iter(match=f"{store.scripts.prefix}*gone*", count=1000)]
    # Keys of rates have a time to live.
    assert [key for key in left if b"|rates:" not in key] == []
    assert [await redis.pttl(key) > 0 for key in left] == [True] * len(left)
    for hash in ("dead", "served", "counters", "busy", "defaults"):
        assert not [f for f in await redis.hkeys(f"{store.scripts.prefix}{hash}") if b"gone" in f]
