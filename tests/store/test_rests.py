"""Subscribed workers rest in a namespace in which nothing happens; messages end the rests."""

from typing import Any

import pytest

from service.domain.worker import WorkerRecord
from service.store.leases import HeartbeatReply, decode_heartbeat, heartbeat_arguments
from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import OK, claim, finish, register_worker, submit

pytestmark = pytest.mark.anyio


async def subscribe(store: Namespace, id: str = "wk_1") -> WorkerRecord:
    await register_worker(store, id=id, subscribed=True)
    record = await store.workers.get(id)
    assert record is not None
    return record


async def heartbeat(store: Namespace, record: WorkerRecord) -> HeartbeatReply:
    return decode_heartbeat(
        await store.scripts.run("heartbeat", heartbeat_arguments(record, 15_000, 0, "running", []))
    )


async def may_rest(store: Namespace, record: WorkerRecord) -> bool:
    return (await heartbeat(store, record)).may_rest


async def test_a_subscribed_worker_rests_while_nothing_happens(frozen: Namespace) -> None:
    record = await subscribe(frozen)
    assert await may_rest(frozen, record)
    await submit(frozen)
    assert not await may_rest(frozen, record)
    (lease,) = (await claim(frozen)).leases
    assert not await may_rest(frozen, record)
    await finish(frozen, lease, OK)
    await submit(frozen, delay_ms=3_600_000)
    assert await may_rest(frozen, record)
    await submit(frozen, delay_ms=3_600_000, expires_ms=60_000)
    assert not await may_rest(frozen, record)


async def test_no_worker_rests_next_to_one_that_does_not_subscribe(frozen: Namespace) -> None:
    record = await subscribe(frozen)
    await register_worker(frozen, id="wk_2", job_types=("other",))
    assert not await may_rest(frozen, record)
    other = await frozen.workers.get("wk_2")
    assert other is not None
    assert not await may_rest(frozen, other)


async def test_an_unknown_worker_does_not_rest(frozen: Namespace) -> None:
    record = await subscribe(frozen)
    await frozen.workers.deregister(record.id)
    reply = await heartbeat(frozen, record)
    assert (reply.known, reply.may_rest) == (False, False)


async def test_a_heartbeat_wakes_the_pool_for_an_overdue_job(frozen: Namespace) -> None:
    """The worker that waited for its time may be gone."""
    record = await subscribe(frozen)
    await submit(frozen, delay_ms=60_000)
    wake = f"{frozen.scripts.prefix}wake:{record.pool}"
    client: Any = frozen.scripts.redis
    await client.delete(wake)
    for passed, woken in ((60_500, False), (61_000, True)):
        frozen.scripts.now = str(START + passed)
        assert (await heartbeat(frozen, record)).wake_up is woken


async def test_a_heartbeat_reports_groups_past_their_retention(frozen: Namespace) -> None:
    record = await subscribe(frozen)
    client: Any = frozen.scripts.redis
    key = f"{frozen.scripts.prefix}group_retention"
    await client.zadd(key, {"flow_gone": START})
    assert not (await heartbeat(frozen, record)).tasks
    frozen.scripts.now = str(START + 1_000)
    assert (await heartbeat(frozen, record)).tasks
    await client.delete(key)


async def test_the_first_leases_of_a_namespace_end_all_rests(store: Namespace) -> None:
    record = await subscribe(store)
    *_, channel = store.leases.channels(record.id, record.pool)
    client: Any = store.scripts.redis
    async with client.pubsub() as pubsub:
        await pubsub.subscribe(channel)

        async def messages() -> int:
            """Messages until now."""
            await client.publish(channel, "end")
            count = -1
            while True:
                message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=5)
                if message is not None:
                    count += 1
                    if message["data"] == b"end":
                        return count

        for _ in range(4):
            await submit(store)
        leases = (await claim(store, 2, pool=record.pool)).leases
        assert await messages() == 1
        leases += (await claim(store, 1, pool=record.pool)).leases
        assert await messages() == 0
        for lease in leases:
            await finish(store, lease, OK)
        await finish(store, (await claim(store, 1, pool="blocking")).leases[0], OK)
        assert await messages() == 0
        # A worker whose claims end no rests.
        for _ in range(2):
            await register_worker(store, id="wk_2", job_types=("other",))
        assert await messages() == 1
