"""Wake-ups of which every subscribed worker hears: one of the idle ones takes each, busy ones leave it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from service.domain.errors import BackendUnavailable
from service.store.namespace import Namespace
from tests.support.eventually import eventually
from tests.support.factories import register_worker, submit
from workers.engine import announced_wake_ups
from workers.engine.announced_wake_ups import AnnouncedWakeUps
from workers.engine.pool import Pool
from workers.namespaces.subscription import Subscription

pytestmark = pytest.mark.anyio


class Idle:
    """The wake-ups of one worker of the pool."""

    def __init__(self, store: Namespace, pool: str = "@pool") -> None:
        record: Any = SimpleNamespace(id="wk_1", pool=pool)
        self.wake_ups = AnnouncedWakeUps(Pool(store.leases, store.leases, record, lambda: "cl_1"))
        self.wake_ups.on_wake = self._woken
        self.woken = 0

    def _woken(self) -> None:
        self.woken += 1

    async def settle(self) -> None:
        def done() -> None:
            taking = self.wake_ups._taking
            assert taking is None or taking.done()

        await eventually(done)


async def test_one_of_the_idle_workers_takes_a_wake_up(store: Namespace) -> None:
    idle = [Idle(store) for _ in range(5)]
    for each in idle:
        each.wake_ups.listen()
        await each.settle()
    assert [each.woken for each in idle] == [0] * 5
    await store.leases.wake("@pool")
    for each in idle:
        each.wake_ups.note()
    for each in idle:
        await each.settle()
    assert sorted(each.woken for each in idle) == [0, 0, 0, 0, 1]
    for each in idle:
        await each.wake_ups.close()


async def test_a_busy_worker_leaves_a_wake_up_until_it_has_nothing_else_to_do(store: Namespace) -> None:
    busy = Idle(store)
    busy.wake_ups.listen()
    await busy.settle()
    assert busy.wake_ups.consume() is False
    await store.leases.wake("@pool")
    busy.wake_ups.note()
    await busy.settle()
    assert busy.woken == 0
    busy.wake_ups.listen()
    await busy.settle()
    assert busy.woken == 1
    # If it is full by now, it passes the wake-up on, once.
    assert [busy.wake_ups.consume(), busy.wake_ups.consume()] == [True, False]
    await busy.wake_ups.close()


async def test_a_wake_up_from_before_the_subscription_is_found(store: Namespace) -> None:
    await store.leases.wake("@pool")
    idle = Idle(store)
    idle.wake_ups.listen()
    await idle.settle()
    assert idle.woken == 1
    await idle.wake_ups.close()


async def test_without_redis_the_claimer_finds_out() -> None:
    class Away:
        async def take_wake_up(self, pool: str) -> bool:
            raise BackendUnavailable()

    away: Any = SimpleNamespace(leases=Away())
    idle = Idle(away)
    idle.wake_ups.listen()
    await idle.settle()
    assert idle.woken == 1
    await idle.wake_ups.close()


async def test_a_worker_claims_now_and_then_without_a_wake_up(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announced_wake_ups, "REST", 0.02)
    idle = Idle(store)
    idle.wake_ups.listen()

    def woken() -> None:
        assert idle.woken == 1

    await eventually(woken)
    await idle.wake_ups.close()


async def test_a_wake_up_is_announced_once_until_it_is_taken(store: Namespace) -> None:
    await register_worker(store, id="wk_1", subscribed=True)
    record = await store.workers.get("wk_1")
    assert record is not None
    heard: asyncio.Queue[None] = asyncio.Queue()
    channel, *_ = store.leases.channels(record.id, record.pool)
    subscription = Subscription(store.change_feed._subscriber, {channel: lambda: heard.put_nowait(None)})
    subscription.start()
    # Before the subscription, there may have been one.
    await asyncio.wait_for(heard.get(), 5)
    for _ in range(3):
        await submit(store)
    await asyncio.wait_for(heard.get(), 5)
    assert await store.leases.take_wake_up(record.pool)
    await submit(store)
    await asyncio.wait_for(heard.get(), 5)
    assert heard.empty()
    assert await store.leases.take_wake_up(record.pool)
    assert not await store.leases.take_wake_up(record.pool)
    await subscription.stop()
