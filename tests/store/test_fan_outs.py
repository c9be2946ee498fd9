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
async def at(store: Namespace) -> AsyncIterator[Any]:
    """Sets the scripts' clock, in hours."""
    begin = Clock().now_ms()

    def set_time(hours: float) -> None:
        store.scripts.now = str(begin + round(hours * HOUR))

    set_time(0)
    yield set_time
    store.scripts.now = ""


async def opened(store: Namespace, size: int, *, whole: bool = True, then: bool = True) -> str:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work", retention_ms=HOUR), JobSpec("report") if then else None, whole=whole)
    await store.fan_outs.create(id, spec, size, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(size)])
    return id


async def group_state(store: Namespace, id: str) -> str | None:
    group = await store.groups.get(id)
    return None if group is None else group.state


async def run(store: Namespace, slots: int = 1, kind: str = "work", outcome: Any = OK) -> None:
    for lease in (await claim(store, slots, types={kind: None})).leases:
        await finish(store, lease, outcome)


async def test_results_are_kept_until_the_retention_of_the_whole_has_passed(
    store: Namespace, at: Any
) -> None:
    id = await opened(store, 2, then=False)
    await run(store)
    await store.fan_outs.seal(id, 2)
    at(5)
    await store.leases.prune()
    assert await state_of(store, item_id(id, 0)) == State.SUCCEEDED
    await run(store)
    at(5.5)
    await store.leases.prune()
    assert await state_of(store, item_id(id, 0)) == State.SUCCEEDED
    at(6.1)
    await store.leases.prune()
    assert await store.queries.jobs([item_id(id, 0), item_id(id, 1)]) == [None, None]
    group = await store.groups.get(id)
    assert group is not None
    assert group.counts[State.SUCCEEDED] == 2


async def test_a_fan_out_is_kept_until_its_follow_up_has_read_how_it_ended(store: Namespace, at: Any) -> None:
    id = await opened(store, 1)
    await store.fan_outs.seal(id, 1)
    await run(store)
    at(25)
    await store.group_tasks.forget_ended()
    assert await store.groups.get(id) is not None
    await run(store, kind="report")
    at(26)
    await store.group_tasks.forget_ended()
    assert await store.groups.get(id) is None


async def test_a_redriven_item_of_a_forgotten_fan_out_leaves_nothing_of_it(store: Namespace, at: Any) -> None:
    id = await opened(store, 1, then=False)
    await store.fan_outs.seal(id, 1)
    await run(store, outcome=HOPELESS)
    at(25)
    await store.group_tasks.forget_ended()
    assert await store.groups.get(id) is None
    await store.jobs.redrive([item_id(id, 0)])
    await run(store)
    assert await state_of(store, item_id(id, 0)) == State.SUCCEEDED
    redis: Any = store.scripts.redis
    assert await redis.exists(f"{store.scripts.prefix}group:{id}") == 0


async def test_an_abandoned_open_fan_out_is_cancelled(store: Namespace, at: Any) -> None:
    whole, open = await opened(store, 1), await opened(store, 1, whole=False)
    at(2)
    await store.group_tasks.forget_ended()
    await store.group_tasks.work()
    assert [await group_state(store, id) for id in (whole, open)] == ["cancelled", "open"]
    await store.fan_outs.add_items(open, [Item(1, b"{}")])
    at(25)
    await store.group_tasks.forget_ended()
    assert await group_state(store, open) == "open"
    at(27)
    await store.group_tasks.forget_ended()
    await store.group_tasks.work()
    assert await group_state(store, open) == "cancelled"
    assert await state_of(store, follow_up_id(open)) == State.CANCELLED


async def test_a_fan_out_that_never_got_an_item_is_cancelled_as_well(store: Namespace, at: Any) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), JobSpec("report")), 1, None)
    at(1.1)
    await store.group_tasks.forget_ended()
    assert await group_state(store, id) == "cancelled"
    assert await state_of(store, follow_up_id(id)) == State.CANCELLED


@pytest.mark.parametrize("percent", [39, 40])
async def test_a_tolerance_in_percent_applies_once_the_fan_out_is_sealed(
    store: Namespace, percent: int
) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), tolerance=Tolerance(percent=percent), max_concurrency=9)
    await store.fan_outs.create(id, spec, 0, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(10)])
    for _ in range(4):
        await run(store, outcome=HOPELESS)
    await store.fan_outs.seal(id, 10)
    await store.group_tasks.work()
    await run(store, 9)
    group = await store.groups.find(FanOut, id)
    assert group is not None
    assert (group.state, group.counts[State.CANCELLED]) == (
        ("failed", 6) if percent == 39 else ("succeeded", 0)
    )
    assert group.max_concurrency == 9


async def test_a_queue_that_is_full_with_its_items_takes_a_fan_out(store: Namespace) -> None:
    await limit(store, max_depth=2)
    spec = FanOutSpec(JobSpec("work"))
    first, second = IDS.new("fan", members=MEMBERS), IDS.new("fan", members=MEMBERS)
    with pytest.raises(QueueFull):
        await store.fan_outs.create(first, spec, 3, None)
    assert await store.groups.get(first) is None
    await store.fan_outs.create(second, spec, 2, None)
    await store.fan_outs.add_items(second, [Item(0, b"{}")])
    with pytest.raises(QueueFull):
        await store.fan_outs.add_items(second, [Item(1, b"{}"), Item(2, b"{}")])
    assert (await store.fan_outs.add_items(second, [Item(1, b"{}")])).added == 1
    # `admitted` says that the caller has checked the queue's depth before.
    assert (await store.fan_outs.add_items(second, [Item(2, b"{}")], admitted=True)).added == 1


async def test_items_added_after_too_many_failures_are_cancelled(store: Namespace, at: Any) -> None:
    id = IDS.new("fan", members=MEMBERS)
    template = JobSpec("work", retention_ms=HOUR, expires_ms=HOUR, delay_ms=HOUR)
    await store.fan_outs.create(id, FanOutSpec(template, tolerance=Tolerance(count=0)), 2, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}", delay_ms=0)])
    await run(store, outcome=HOPELESS)
    await store.group_tasks.work()
    await store.fan_outs.add_items(id, [Item(1, b"{}")])
    late = await store.queries.job(item_id(id, 1))
    assert late is not None
    assert (late.state, late.state_reason, late.finished_at) == (State.CANCELLED, "fan_out", late.created_at)
    await store.fan_outs.seal(id, 2)
    assert await group_state(store, id) == "failed"
    at(0.9)
    await store.leases.prune()
    assert await state_of(store, late.id) == State.CANCELLED
    at(1.1)
    await store.leases.prune()
    assert await state_of(store, late.id) is None


async def test_a_repeated_index_is_added_once(store: Namespace) -> None:
    id = await opened(store, 1)
    filled = await store.fan_outs.add_items(id, [Item(index, b"{}") for index in (1, 0, 1)])
    assert (filled.added, filled.total, filled.next_index) == (1, 2, 2)
    await store.fan_outs.seal(id, 2)


async def test_watchers_of_a_fan_out_see_that_it_is_sealed(store: Namespace) -> None:
    id = await opened(store, 1)
    before = await store.groups.get(id)
    async with store.change_feed.watch(id) as change:
        await store.fan_outs.seal(id, 1)
        await wait_for_change(change)
    after = await store.groups.find(FanOut, id)
    assert before is not None
    assert after is not None
    assert (after.version, after.state, after.sealed) == (before.version + 1, "running", True)


@pytest.mark.parametrize("size", [0, 1])
async def test_an_open_fan_out_that_has_nothing_left_to_do_ends_with_its_cancellation(
    store: Namespace, size: int
) -> None:
    id = await opened(store, size, whole=False)
    await run(store, slots=2)
    assert await group_state(store, id) == "open"
    await store.groups.request_cancel(id, 0)
    assert await state_of(store, follow_up_id(id)) == State.CANCELLED
    await store.group_tasks.work()
    group = await store.groups.get(id)
    assert group is not None
    assert (group.state, group.total, group.counts[State.SUCCEEDED]) == ("cancelled", size, size)


async def test_no_more_items_run_at_once_than_its_concurrency(store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work"), max_concurrency=2)
    await store.fan_outs.create(id, spec, 5, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(5)])
    await store.fan_outs.seal(id, 5)
    other = await opened(store, 1, then=False)
    leases = (await claim(store, 10)).leases
    assert sorted(lease.job.id for lease in leases) == [item_id(id, 0), item_id(id, 1), item_id(other, 0)]
    assert (await claim(store, 10)).leases == []
    left = {lease.job.id: lease for lease in leases}
    await finish(store, left[item_id(id, 0)], OK)
    assert [lease.job.id for lease in (await claim(store, 10)).leases] == [item_id(id, 2)]
    await store.groups.request_cancel(id, 0)
    await store.group_tasks.work()
    await store.leases.expire_jobs()
    assert await group_state(store, id) == "cancelled"
    await store.groups.delete(id)
    await store.group_tasks.work()
    redis: Any = store.scripts.redis
    assert (
        await redis.exists(*[store.scripts.prefix + key for key in ("limiters", "busy", "closed_limiters")])
        == 0
    )


async def test_large_results_are_read_in_small_batches(store: Namespace) -> None:
    id = await opened(store, 6, then=False)
    half = Succeeded(b'"' + b"x" * (READ_BYTES // 2) + b'"')
    await run(store, 4, outcome=half)
    group = await store.groups.find(FanOut, id)
    assert group is not None
    portions = [[row.index for row in rows] async for rows in store.fan_outs.results(group, 0)]
    assert portions == [[0], [1], [2], [3, 4, 5]]


async def test_another_worker_carries_on_when_one_dies_in_the_middle_of_a_cancel(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = await opened(store, 250, then=False)
    await store.groups.request_cancel(id, 0)
    cancel, calls = store.jobs.cancel, 0

    async def dies(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return await cancel(*arguments, **options)

    monkeypatch.setattr(store.jobs, "cancel", dies)
    with pytest.raises(KeyboardInterrupt):
        await store.group_tasks.work()
    group = await store.groups.get(id)
    assert group is not None
    # The progress is visible.
    assert (group.state, group.counts[State.CANCELLED]) == ("running", 100)
    await store.group_tasks.work()
    group = await store.groups.get(id)
    assert group is not None
    assert (group.state, group.counts[State.CANCELLED]) == ("cancelled", 250)
