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
async def full(stores: Namespace) -> Namespace:
    """A namespace that may have two queues, and has them."""
    few = Namespace(stores.scripts.redis, stores.scripts.namespace, DAY, max_queues=2)
    await submit(few, queue="one")
    await submit(few, queue="two")
    return few


def spec(queue: str = "three", **fields: Any) -> JobSpec:
    return JobSpec("work", queue=queue, retry=QUICK, **fields)


async def by_job(stores: Namespace) -> None:
    (answer,) = await stores.jobs.submit([Submission(new_id(), spec())])
    answer.accepted()


async def by_flow(stores: Namespace) -> None:
    nodes = {"here": Node(spec("one")), "there": Node(spec())}
    await stores.flows.create(IDS.new("flow", members=2), FlowSpec("flow", nodes), None)


async def by_fan_out(stores: Namespace) -> None:
    await stores.fan_outs.create(IDS.new("fan", members=9), FanOutSpec(spec(), whole=False), 0, None)


async def by_follow_up(stores: Namespace) -> None:
    fan_out = FanOutSpec(spec("one"), spec(), whole=False)
    await stores.fan_outs.create(IDS.new("fan", members=9), fan_out, 0, None)


async def by_redrive(stores: Namespace) -> None:
    lease = (await claim(stores, queues={"one": 1})).leases[0]
    await finish(stores, lease, HOPELESS)
    await stores.jobs.redrive([lease.job.id], queue="three")


async def by_settings(stores: Namespace) -> None:
    await limit(stores, "three", max_concurrency=1)


async def by_pausing_a_type(stores: Namespace) -> None:
    await stores.queues.pause_job_type("three", "work", paused=True)


async def by_child(stores: Namespace) -> None:
    lease = (await claim(stores, queues={"one": 1})).leases[0]
    await stores.dependencies.wait_for_children(lease, {"child": Node(spec())}, {"child": new_id()})


async def by_schedule(stores: Namespace) -> None:
    times = {"cron": "0 0 * * *", "every_ms": None, "timezone": "UTC", "start_ms": None, "end_ms": None}
    definition = {**times, "overlap": "allow", "catch_up": "none", "job": {"name": "work"}}
    await stores.schedules.put("nightly", definition, False, None, 0, "three")


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


async def test_a_batch_creates_as_many_queues_as_fit(stores: Namespace) -> None:
    few = Namespace(stores.scripts.redis, stores.scripts.namespace, DAY, max_queues=2)
    batch = [Submission(new_id(), spec(queue)) for queue in ("a", "a", "b", "c", "a", "d")]
    words = [answer.result for answer in await few.jobs.submit(batch)]
    assert words == ["created", "created", "created", "too_many_queues", "created", "too_many_queues"]


async def test_many_at_once_do_not_pass_the_limit(stores: Namespace) -> None:
    few = Namespace(stores.scripts.redis, stores.scripts.namespace, DAY, max_queues=5)
    batches = [[Submission(new_id(), spec(f"q{number}"))] for number in range(40)]
    answers = await asyncio.gather(*(few.jobs.submit(batch) for batch in batches))
    assert sorted(answer.result for (answer,) in answers).count(SubmitResult.CREATED) == 5
    assert len(await few.queues.names()) == 5


async def test_a_queue_is_forgotten_with_its_last_job(full: Namespace) -> None:
    lease = (await claim(full, queues={"one": 1})).leases[0]
    await finish(full, lease, OK)
    assert await full.queues.names() == ["one", "two"]
    await full.jobs.delete([lease.job.id])
    assert await full.queues.names() == ["two"]
    assert await full.queues.get("one") is None
    await by_job(full)


async def test_retention_forgets_queues_as_well(stores: Namespace) -> None:
    for number in range(3):
        await submit(stores, queue=f"q{number}", retention_ms=0)
    for lease in (await claim(stores, 5)).leases:
        await finish(stores, lease, OK)
    await stores.leases.prune()
    assert await stores.queues.names() == []


async def test_settings_outlive_the_jobs(stores: Namespace) -> None:
    for queue, settings in (("paused", {"paused": True}), ("defaults", {"defaults": {"priority": 5}})):
        await limit(stores, queue, **settings)
        id = await submit(stores, queue=queue)
        await stores.jobs.cancel([id], 0)
        await stores.jobs.delete([id])
    assert await stores.queues.names() == ["defaults", "paused"]


async def test_settings_that_were_reset_do_not(stores: Namespace) -> None:
    await limit(stores, "default", paused=True)
    await limit(stores, "default", paused=False)
    id = await submit(stores)
    await stores.jobs.cancel([id], 0)
    await stores.jobs.delete([id])
    assert await stores.queues.names() == []


async def test_a_redrive_into_another_queue_leaves_none_behind(stores: Namespace) -> None:
    id = await submit(stores, queue="old")
    await stores.jobs.cancel([id], 0)
    await stores.jobs.redrive([id], queue="new")
    assert await stores.queues.names() == ["new"]


async def test_an_empty_fan_out_makes_no_queue(stores: Namespace) -> None:
    id = IDS.new("fan", members=9)
    await stores.fan_outs.create(id, FanOutSpec(spec("later"), whole=False), 0, None)
    assert await stores.queues.names() == []
    await stores.fan_outs.add_items(id, [Item(0, b"{}")])
    assert await stores.queues.names() == ["later"]


async def test_a_fan_out_whose_queue_was_forgotten_is_checked_again(stores: Namespace) -> None:
    few = Namespace(stores.scripts.redis, stores.scripts.namespace, DAY, max_queues=1)
    id = IDS.new("fan", members=9)
    await few.fan_outs.create(id, FanOutSpec(spec("later"), whole=False), 0, None)
    await submit(few, queue="other")
    with pytest.raises(TooManyQueues):
        await few.fan_outs.add_items(id, [Item(0, b"{}")])
    assert await few.queues.names() == ["other"]


async def test_deleting_a_queue_forgets_its_settings(stores: Namespace) -> None:
    await limit(stores, "default", max_concurrency=1, paused=True)
    assert await stores.queues.delete("default")
    assert not await stores.queues.delete("default")
    await submit(stores)
    await submit(stores)
    assert len((await claim(stores, 2)).leases) == 2
    queue = await stores.queues.get("default")
    assert queue is not None
    assert (queue.settings.max_concurrency, queue.settings.paused, queue.settings.version) == (None, False, 1)


async def test_a_queue_with_jobs_is_not_deleted(stores: Namespace) -> None:
    await submit(stores)
    lease = (await claim(stores)).leases[0]
    for outcome in (BROKEN, None):
        with pytest.raises(QueueNotEmpty):
            await stores.queues.delete("default")
        if outcome is not None:
            await finish(stores, lease, outcome)


async def test_nothing_is_left_of_a_forgotten_queue(stores: Namespace) -> None:
    """Clients invent the names, so everything stored for a queue must go with it."""
    redis: Any = stores.scripts.redis
    await submit(stores, queue="gone", retention_ms=0, limit_key="acme")
    await submit(stores, queue="gone", retention_ms=0)
    leases = (await claim(stores, 2)).leases
    await finish(stores, leases[0], HOPELESS)
    await finish(stores, leases[1], OK)
    await stores.jobs.delete([lease.job.id for lease in leases])
    left = [key async for key in redis.scan_iter(match=f"{stores.scripts.prefix}*gone*", count=1000)]
    # Keys of rates have a time to live.
    assert [key for key in left if b"|rates:" not in key] == []
    assert [await redis.pttl(key) > 0 for key in left] == [True] * len(left)
    for hash in ("dead", "served", "counters", "busy", "defaults"):
        assert not [f for f in await redis.hkeys(f"{stores.scripts.prefix}{hash}") if b"gone" in f]
