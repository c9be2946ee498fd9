"""Two actors, one fan-out."""

import asyncio
import os
from contextlib import suppress

import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOutSealed, FanOutSpec, Item, Tolerance, follow_up_id
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.factories import HOPELESS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio

IDS = IdFactory(Clock().now_ms, os.urandom)


async def opened(store: Namespace, size: int, tolerance: Tolerance | None = None) -> str:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), JobSpec("report"), tolerance or Tolerance())
    await store.fan_outs.create(id, spec, size, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(size)])
    return id


async def follow_ups(store: Namespace) -> int:
    """How often a follow-up can be claimed; each one is finished."""
    leases = (await claim(store, 10, types={"report": None})).leases
    for lease in leases:
        await finish(store, lease, OK)
    return len(leases)


async def test_two_items_that_finish_at_once_release_the_follow_up_once(store: Namespace) -> None:
    for _ in range(20):
        id = await opened(store, 2)
        await store.fan_outs.seal(id, 2)
        first, second = [(await claim(store, worker=f"wk_{n}")).leases[0] for n in (1, 2)]
        # Each worker sends its finish twice, as after a lost reply.
        words = await asyncio.gather(*[finish(store, lease, OK) for lease in (first, second) * 2])
        assert sorted(words) == ["duplicate", "duplicate", "moved", "moved"]
        assert await follow_ups(store) == 1
        assert await follow_ups(store) == 0
        group = await store.groups.get(id)
        assert group is not None
        assert (group.state, group.counts[State.SUCCEEDED]) == ("succeeded", 2)


async def test_a_seal_and_the_last_finish_at_once_end_the_fan_out_once(store: Namespace) -> None:
    for _ in range(20):
        id = await opened(store, 1)
        lease = (await claim(store)).leases[0]
        await asyncio.gather(finish(store, lease, OK), store.fan_outs.seal(id, 1), store.fan_outs.seal(id, 1))
        assert await follow_ups(store) == 1


async def test_two_failures_at_once_exceed_the_tolerance_once(store: Namespace) -> None:
    id = await opened(store, 10, Tolerance(count=0))
    await store.fan_outs.seal(id, 10)
    leases = [(await claim(store, worker=f"wk_{n}")).leases[0] for n in (1, 2)]
    await asyncio.gather(*[finish(store, lease, HOPELESS) for lease in leases])
    # Several processes may work on the same task.
    await asyncio.gather(*[store.group_tasks.work() for _ in range(3)])
    group = await store.groups.get(id)
    assert group is not None
    assert (group.state, group.counts[State.DEAD], group.counts[State.CANCELLED]) == ("failed", 2, 8)
    assert await follow_ups(store) == 1


async def test_a_chunk_that_two_clients_send_is_added_once(store: Namespace) -> None:
    id = await opened(store, 0)
    items = [Item(index, b"{}") for index in range(100)]
    filled = await asyncio.gather(*[store.fan_outs.add_items(id, items) for _ in range(5)])
    assert sum(response.added for response in filled) == 100
    await store.fan_outs.seal(id, 100)


async def test_no_item_outlives_a_cancel_that_comes_between_chunks(store: Namespace) -> None:
    for _ in range(10):
        id = await opened(store, 5)

        async def fill(start: int, id: str = id) -> None:
            with suppress(FanOutSealed):  # Cancelled between two chunks.
                await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(start, start + 5)])

        await asyncio.gather(fill(5), store.groups.request_cancel(id, 0), fill(10))
        await store.group_tasks.work()
        group = await store.groups.get(id)
        assert group is not None
        assert group.state == "cancelled"
        assert group.counts[State.CANCELLED] == group.total
        assert await state_of(store, follow_up_id(id)) == State.CANCELLED
