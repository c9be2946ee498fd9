"""How long parts of a fan-out are kept, and what happens to abandoned ones."""

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.clock import Clock
from service.domain.errors import QueueFull
from service.domain.fan_out import MEMBERS, FanOut, FanOutSpec, Item, Tolerance, follow_up_id, item_id
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.outcome import Succeeded
from service.domain.states import State
from service.store.groups.fan_outs import READ_BYTES
from service.store.namespace import Namespace
from tests.support.factories import HOPELESS, OK, claim, finish, limit, state_of, wait_for_change

pytestmark = pytest.mark.anyio


IDS = IdFactory(Clock().now_ms, os.urandom)


HOUR = 3_600_000


@pytest.fixture
async def at(stores: Namespace) -> AsyncIterator[Any]:
    """Sets the scripts' clock, in hours."""
    begin = Clock().now_ms()

    def set_time(hours: float) -> None:
        stores.scripts.now = str(begin + round(hours * HOUR))

    set_time(0)
    yield set_time
    stores.scripts.now = ""


async def opened(stores: Namespace, size: int, *, whole: bool = True, then: bool = True) -> str:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work", retention_ms=HOUR), JobSpec("report") if then else None, whole=whole)
    await stores.fan_outs.create(id, spec, size, None)
    await stores.fan_outs.add_items(id, [Item(index, b"{}") for index in range(size)])
    return id


async def group_state(stores: Namespace, id: str) -> str | None:
    group = await stores.groups.get(id)
    return None if group is None else group.state


async def run(stores: Namespace, slots: int = 1, kind: str = "work", outcome: Any = OK) -> None:
    for lease in (await claim(stores, slots, types={kind: None})).leases:
        await finish(stores, lease, outcome)


async def test_results_are_kept_until_the_retention_of_the_whole_has_passed(
    stores: Namespace, at: Any
) -> None:
    id = await opened(stores, 2, then=False)
    await run(stores)
    await stores.fan_outs.seal(id, 2)
    at(5)
    await stores.leases.prune()
    assert await state_of(stores, item_id(id, 0)) == State.SUCCEEDED
    await run(stores)
    at(5.5)
    await stores.leases.prune()
    assert await state_of(stores, item_id(id, 0)) == State.SUCCEEDED
    at(6.1)
    await stores.leases.prune()
    assert await stores.queries.jobs([item_id(id, 0), item_id(id, 1)]) == [None, None]
    group = await stores.groups.get(id)
    assert group is not None
    assert group.counts[State.SUCCEEDED] == 2


async def test_a_fan_out_is_kept_until_its_follow_up_has_read_how_it_ended(
    stores: Namespace, at: Any
) -> None:
    id = await opened(stores, 1)
    await stores.fan_outs.seal(id, 1)
    await run(stores)
    at(25)
    await stores.group_tasks.forget_ended()
    assert await stores.groups.get(id) is not None
    await run(stores, kind="report")
    at(26)
    await stores.group_tasks.forget_ended()
    assert await stores.groups.get(id) is None


async def test_a_redriven_item_of_a_forgotten_fan_out_leaves_nothing_of_it(
    stores: Namespace, at: Any
) -> None:
    id = await opened(stores, 1, then=False)
    await stores.fan_outs.seal(id, 1)
    await run(stores, outcome=HOPELESS)
    at(25)
    await stores.group_tasks.forget_ended()
    assert await stores.groups.get(id) is None
    await stores.jobs.redrive([item_id(id, 0)])
    await run(stores)
    assert await state_of(stores, item_id(id, 0)) == State.SUCCEEDED
    redis: Any = stores.scripts.redis
    assert await redis.exists(f"{stores.scripts.prefix}group:{id}") == 0


async def test_an_abandoned_open_fan_out_is_cancelled(stores: Namespace, at: Any) -> None:
    whole, open = await opened(stores, 1), await opened(stores, 1, whole=False)
    at(2)
    await stores.group_tasks.forget_ended()
    await stores.group_tasks.work()
    assert [await group_state(stores, id) for id in (whole, open)] == ["cancelled", "open"]
    await stores.fan_outs.add_items(open, [Item(1, b"{}")])
    at(25)
    await stores.group_tasks.forget_ended()
    assert await group_state(stores, open) == "open"
    at(27)
    await stores.group_tasks.forget_ended()
    await stores.group_tasks.work()
    assert await group_state(stores, open) == "cancelled"
    assert await state_of(stores, follow_up_id(open)) == State.CANCELLED


async def test_a_fan_out_that_never_got_an_item_is_cancelled_as_well(stores: Namespace, at: Any) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await stores.fan_outs.create(id, FanOutSpec(JobSpec("work"), JobSpec("report")), 1, None)
    at(1.1)
    await stores.group_tasks.forget_ended()
    assert await group_state(stores, id) == "cancelled"
    assert await state_of(stores, follow_up_id(id)) == State.CANCELLED


@pytest.mark.parametrize("percent", [39, 40])
async def test_a_tolerance_in_percent_applies_once_the_fan_out_is_sealed(
    stores: Namespace, percent: int
) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), tolerance=Tolerance(percent=percent), max_concurrency=9)
    await stores.fan_outs.create(id, spec, 0, None)
    await stores.fan_outs.add_items(id, [Item(index, b"{}") for index in range(10)])
    for _ in range(4):
        await run(stores, outcome=HOPELESS)
    await stores.fan_outs.seal(id, 10)
    await stores.group_tasks.work()
    await run(stores, 9)
    group = await stores.groups.find(FanOut, id)
    assert group is not None
    assert (group.state, group.counts[State.CANCELLED]) == (
        ("failed", 6) if percent == 39 else ("succeeded", 0)
    )
    assert group.max_concurrency == 9


async def test_a_queue_that_is_full_with_its_items_takes_a_fan_out(stores: Namespace) -> None:
    await limit(stores, max_depth=2)
    spec = FanOutSpec(JobSpec("work"))
    first, second = IDS.new("fan", members=MEMBERS), IDS.new("fan", members=MEMBERS)
    with pytest.raises(QueueFull):
        await stores.fan_outs.create(first, spec, 3, None)
    assert await stores.groups.get(first) is None
    await stores.fan_outs.create(second, spec, 2, None)
    await stores.fan_outs.add_items(second, [Item(0, b"{}")])
    with pytest.raises(QueueFull):
        await stores.fan_outs.add_items(second, [Item(1, b"{}"), Item(2, b"{}")])
    assert (await stores.fan_outs.add_items(second, [Item(1, b"{}")])).added == 1
    # `admitted` says that the caller has checked the queue's depth before.
    assert (await stores.fan_outs.add_items(second, [Item(2, b"{}")], admitted=True)).added == 1


async def test_items_added_after_too_many_failures_are_cancelled(stores: Namespace, at: Any) -> None:
    id = IDS.new("fan", members=MEMBERS)
    template = JobSpec("work", retention_ms=HOUR, expires_ms=HOUR, delay_ms=HOUR)
    await stores.fan_outs.create(id, FanOutSpec(template, tolerance=Tolerance(count=0)), 2, None)
    await stores.fan_outs.add_items(id, [Item(0, b"{}", delay_ms=0)])
    await run(stores, outcome=HOPELESS)
    await stores.group_tasks.work()
    await stores.fan_outs.add_items(id, [Item(1, b"{}")])
    late = await stores.queries.job(item_id(id, 1))
    assert late is not None
    assert (late.state, late.state_reason, late.finished_at) == (State.CANCELLED, "fan_out", late.created_at)
    await stores.fan_outs.seal(id, 2)
    assert await group_state(stores, id) == "failed"
    at(0.9)
    await stores.leases.prune()
    assert await state_of(stores, late.id) == State.CANCELLED
    at(1.1)
    await stores.leases.prune()
    assert await state_of(stores, late.id) is None


async def test_a_repeated_index_is_added_once(stores: Namespace) -> None:
    id = await opened(stores, 1)
    filled = await stores.fan_outs.add_items(id, [Item(index, b"{}") for index in (1, 0, 1)])
    assert (filled.added, filled.total, filled.next_index) == (1, 2, 2)
    await stores.fan_outs.seal(id, 2)


async def test_watchers_of_a_fan_out_see_that_it_is_sealed(stores: Namespace) -> None:
    id = await opened(stores, 1)
    before = await stores.groups.get(id)
    async with stores.change_feed.watch(id) as change:
        await stores.fan_outs.seal(id, 1)
        await wait_for_change(change)
    after = await stores.groups.find(FanOut, id)
    assert before is not None
    assert after is not None
    assert (after.version, after.state, after.sealed) == (before.version + 1, "running", True)


@pytest.mark.parametrize("size", [0, 1])
async def test_an_open_fan_out_that_has_nothing_left_to_do_ends_with_its_cancellation(
    stores: Namespace, size: int
) -> None:
    id = await opened(stores, size, whole=False)
    await run(stores, slots=2)
    assert await group_state(stores, id) == "open"
    await stores.groups.request_cancel(id, 0)
    assert await state_of(stores, follow_up_id(id)) == State.CANCELLED
    await stores.group_tasks.work()
    group = await stores.groups.get(id)
    assert group is not None
    assert (group.state, group.total, group.counts[State.SUCCEEDED]) == ("cancelled", size, size)


async def test_no_more_items_run_at_once_than_its_concurrency(stores: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), max_concurrency=2)
    await stores.fan_outs.create(id, spec, 5, None)
    await stores.fan_outs.add_items(id, [Item(index, b"{}") for index in range(5)])
    await stores.fan_outs.seal(id, 5)
    other = await opened(stores, 1, then=False)
    leases = (await claim(stores, 10)).leases
    assert sorted(lease.job.id for lease in leases) == [item_id(id, 0), item_id(id, 1), item_id(other, 0)]
    assert (await claim(stores, 10)).leases == []
    left = {lease.job.id: lease for lease in leases}
    await finish(stores, left[item_id(id, 0)], OK)
    assert [lease.job.id for lease in (await claim(stores, 10)).leases] == [item_id(id, 2)]
    await stores.groups.request_cancel(id, 0)
    await stores.group_tasks.work()
    await stores.leases.expire_jobs()
    assert await group_state(stores, id) == "cancelled"
    await stores.groups.delete(id)
    await stores.group_tasks.work()
    redis: Any = stores.scripts.redis
    assert (
        await redis.exists(*[stores.scripts.prefix + key for key in ("limiters", "busy", "closed_limiters")])
        == 0
    )


async def test_large_results_are_read_in_small_batches(stores: Namespace) -> None:
    id = await opened(stores, 6, then=False)
    half = Succeeded(b'"' + b"x" * (READ_BYTES // 2) + b'"')
    await run(stores, 4, outcome=half)
    group = await stores.groups.find(FanOut, id)
    assert group is not None
    portions = [[row.index for row in rows] async for rows in stores.fan_outs.results(group, 0)]
    assert portions == [[0], [1], [2], [3, 4, 5]]


async def test_another_worker_carries_on_when_one_dies_in_the_middle_of_a_cancel(
    stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await opened(stores, 250, then=False)
    await stores.groups.request_cancel(id, 0)
    cancel, calls = stores.jobs.cancel, 0

    async def dies(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return await cancel(*arguments, **options)

    monkeypatch.setattr(stores.jobs, "cancel", dies)
    with pytest.raises(KeyboardInterrupt):
        await stores.group_tasks.work()
    group = await stores.groups.get(id)
    assert group is not None
    # The progress is visible.
    assert (group.state, group.counts[State.CANCELLED]) == ("running", 100)
    await stores.group_tasks.work()
    group = await stores.groups.get(id)
    assert group is not None
    assert (group.state, group.counts[State.CANCELLED]) == ("cancelled", 250)
