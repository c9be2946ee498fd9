"""Finishing jobs of flows and fan-outs: the work per call, notifications, and what runs again."""

from typing import Any

import pytest

from service.domain.errors import InvalidState, NotFound
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, Tolerance, follow_up_id, item_id
from service.domain.group import GroupKind
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.groups import MINUTE, after, create, end, group, job
from tests.support import factories
from tests.support.factories import DAY, HOPELESS, IDS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("first", "second"), [(300, 400), (500, 100), (499, 1), (100, 600)])
async def test_one_call_notifies_a_limited_number_of_dependents(
    store: Namespace, first: int, second: int
) -> None:
    nodes = {"a": after(), "b": after()}
    nodes |= {f"{root}{n}": after(root) for root, size in (("a", first), ("b", second)) for n in range(size)}
    id, jobs = await create(store, nodes)
    await end(store, [jobs["a"], jobs["b"]])
    assert (await group(store, id)).counts[State.QUEUED] == min(first + second, 500)
    await store.group_tasks.work()
    assert (await group(store, id)).counts[State.QUEUED] == first + second


async def test_workers_are_woken_for_the_rest_of_a_large_call(store: Namespace) -> None:
    _, jobs = await create(store, {"a": after(), "b": after()}, "fail")
    worker = await factories.register_worker(store)
    inbox = keys.inbox(store.scripts.prefix, worker=worker)
    redis: Any = store.scripts.redis
    await redis.unlink(inbox)
    lease, _ = (await claim(store, 2)).leases
    await finish(store, lease, HOPELESS)
    assert await redis.zcard(keys.tasks(store.scripts.prefix)) == 1
    assert await redis.exists(inbox) == 1
    assert set(jobs.values()) >= {lease.job.id}


@pytest.mark.parametrize("given", ["delay_ms", "run_at_ms"])
async def test_a_released_job_starts_no_earlier_than_its_time(store: Namespace, at: int, given: str) -> None:
    fields: Any = {given: MINUTE if given == "delay_ms" else at + 2 * MINUTE}
    _, jobs = await create(store, {"a": after(), "b": after("a", **fields)})
    before = await job(store, jobs["b"])
    store.scripts.now = str(at + MINUTE)
    await end(store, [jobs["a"]])
    waits = await job(store, jobs["b"])
    assert (before.state, waits.state, waits.run_at) == (State.BLOCKED, State.SCHEDULED, at + 2 * MINUTE)
    assert waits.version > before.version
    store.scripts.now = str(at + 2 * MINUTE)
    await end(store, [jobs["b"]])


async def test_a_job_whose_time_has_come_meanwhile_is_queued_when_it_is_released(
    store: Namespace, at: int
) -> None:
    _, jobs = await create(store, {"a": after(), "b": after("a", run_at_ms=at + MINUTE)})
    store.scripts.now = str(at + MINUTE)
    await end(store, [jobs["a"]])
    released = await job(store, jobs["b"])
    assert (released.state, released.run_at, released.queued_at) == (
        State.QUEUED,
        at + MINUTE,
        at + MINUTE,
    )


async def test_watchers_see_a_release_and_its_flow(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after(), "b": after("a")})
    versions = [(await job(store, jobs["b"])).version, (await group(store, id)).version]
    async with store.change_feed.watch(jobs["b"]) as released, store.change_feed.watch(id) as counted:
        await end(store, [jobs["a"]])
        await factories.wait_for_change(released)
        await factories.wait_for_change(counted)
    assert (await job(store, jobs["b"])).version > versions[0]
    assert (await group(store, id)).version > versions[1]


async def test_the_last_item_may_be_the_failure_that_is_one_too_many(store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), tolerance=Tolerance(count=1)), 2, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    await store.fan_outs.seal(id, 2)
    for _ in range(2):
        await finish(store, (await claim(store)).leases[0], HOPELESS)
    await store.group_tasks.work()
    assert (await group(store, id)).state == "failed"
    assert await state_of(store, item_id(id, 0)) == State.DEAD


async def test_a_flow_that_runs_again_has_not_ended_and_is_not_forgotten(store: Namespace, at: int) -> None:
    id, jobs = await create(store, {"a": after()})
    await end(store, [jobs["a"]], HOPELESS)
    ended = await group(store, id)
    assert (ended.state, ended.finished_at) == ("failed", at)
    assert (await store.jobs.redrive([jobs["a"]]))[0].result == "moved"
    again = await group(store, id)
    assert (again.state, again.finished_at) == ("running", None)
    await store.group_tasks.work()
    store.scripts.now = str(at + 3 * DAY)
    await store.group_tasks.forget_ended()
    await end(store, [jobs["a"]])
    # Its retention starts again.
    store.scripts.now = str(at + 4 * DAY - 1)
    await store.group_tasks.forget_ended()
    ended = await group(store, id)
    assert (ended.state, ended.finished_at) == ("succeeded", at + 3 * DAY)
    store.scripts.now = str(at + 4 * DAY)
    await store.group_tasks.forget_ended()
    assert await store.groups.get(id) is None


async def test_a_task_that_another_worker_has_done_changes_no_finished_flow(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after()})
    await end(store, [jobs["a"]], HOPELESS)
    await store.jobs.redrive([jobs["a"]])
    await store.group_tasks.work()
    await end(store, [jobs["a"]])
    before = await group(store, id)
    await store.scripts.redis.zadd(keys.tasks(store.scripts.prefix), {f"retry {id} {jobs['a']}": 10**6})
    assert await store.group_tasks.work() == 1
    now = await group(store, id)
    assert (now.state, now.finished_at) == ("succeeded", before.finished_at)
    assert await state_of(store, jobs["a"]) == State.SUCCEEDED


@pytest.mark.parametrize("verb", ["cancel", "retry"])
async def test_watchers_of_a_flow_see_a_group_action_at_once(store: Namespace, verb: str) -> None:
    id, _ = await create(store, {"a": after(), "b": after()})
    dead, _ = (await claim(store, 2)).leases
    await finish(store, dead, HOPELESS)
    before = await group(store, id)
    async with store.change_feed.watch(id) as change:
        if verb == "cancel":
            await store.groups.request_cancel(id, MINUTE)
        else:
            await store.groups.request_retry(id)
        await factories.wait_for_change(change)
    assert (await group(store, id)).version == before.version + 1


@pytest.mark.parametrize("carried_on", [False, True])
@pytest.mark.parametrize("kind", ["flow", "fan"])
async def test_a_group_that_is_deleted_is_gone_at_once(
    store: Namespace, kind: GroupKind, carried_on: bool
) -> None:
    if kind == "flow":
        id, jobs = await create(store, {"a": after()})
        members = list(jobs.values())
    else:
        id = IDS.new("fan", members=MEMBERS)
        await store.fan_outs.create(id, FanOutSpec(JobSpec("work")), 1, None)
        await store.fan_outs.add_items(id, [Item(0, b"{}")])
        await store.fan_outs.seal(id, 1)
        members = [item_id(id, 0)]
    with pytest.raises(InvalidState) as refused:
        await store.groups.delete(id)
    assert refused.value.current_state == "running"
    await end(store, members)
    async with store.change_feed.watch(id) as change:
        await store.groups.delete(id)
        await factories.wait_for_change(change)
    assert await store.groups.get(id) is None
    with pytest.raises(NotFound):
        await store.groups.delete(id)
    if carried_on:
        await store.group_tasks.work()
        redis: Any = store.scripts.redis
        prefix = store.scripts.prefix
        assert [key async for key in redis.scan_iter(f"{prefix}*{id}*")] == []
        assert [key async for key in redis.scan_iter(f"{prefix}*{members[0]}*")] == []


async def test_a_follow_up_beyond_the_limit_of_one_call_is_notified_by_the_next_worker(
    store: Namespace,
) -> None:
    nodes = {"root": after(), **{f"j{n}": after("root") for n in range(500)}}
    _, jobs = await create(store, nodes)
    root = (await claim(store)).leases[0]
    assert root.job.id == jobs["root"]
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("item"), JobSpec("report")), 1, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}")])
    await store.fan_outs.seal(id, 1)
    item = (await claim(store, types={"item": None})).leases[0]
    await store.leases.finish([factories.ending(root, OK), factories.ending(item, OK)])
    assert (await group(store, id)).state == "succeeded"
    assert await state_of(store, follow_up_id(id)) == State.BLOCKED
    await store.group_tasks.work()
    assert await state_of(store, follow_up_id(id)) == State.QUEUED


async def test_dependents_are_no_longer_notified_when_the_job_runs_again(store: Namespace) -> None:
    nodes = {"root": after(), **{f"j{n}": after("root") for n in range(510)}}
    id, jobs = await create(store, nodes)
    await end(store, [jobs["root"]], HOPELESS)
    assert (await group(store, id)).counts[State.CANCELLED] == 500
    assert (await store.jobs.redrive([jobs["root"]]))[0].result == "moved"
    await store.group_tasks.work()
    found = [job for job in await store.queries.jobs(list(jobs.values())) if job is not None]
    assert [job.state for job in found].count(State.BLOCKED) == 510
    assert sum(job.redriven for job in found) == 501, "the last ten were never cancelled"


@pytest.mark.parametrize("dead", [False, True])
@pytest.mark.parametrize("whole", [False, True])
async def test_a_dead_job_fails_a_flow_and_any_other_request_cancels_it(
    store: Namespace, dead: bool, whole: bool
) -> None:
    id, jobs = await create(store, {"a": after(), "b": after(), "c": after("b")}, "continue")
    await end(store, [jobs["a"]], HOPELESS if dead else OK)
    if whole:
        await store.groups.request_cancel(id, 0)
        await store.group_tasks.work()
    else:
        await store.jobs.cancel([jobs["b"]], 0)
    assert (await group(store, id)).state == ("failed" if dead else "cancelled")


async def test_a_flow_whose_cancelled_job_runs_again_succeeds(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after()})
    await store.jobs.cancel([jobs["a"]], 0)
    assert (await group(store, id)).state == "cancelled"
    await store.jobs.redrive([jobs["a"]])
    await store.group_tasks.work()
    await end(store, [jobs["a"]], OK)
    assert (await group(store, id)).state == "succeeded"


async def test_a_flow_keeps_its_state_when_its_cancelled_job_is_deleted(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after(), "b": after()})
    await store.jobs.cancel([jobs["a"]], 0)
    await store.jobs.delete([jobs["a"]])
    await end(store, [jobs["b"]], OK)
    assert (await group(store, id)).state == "cancelled"


@pytest.mark.parametrize(("good", "state"), [(0, "cancelled"), (1, "succeeded")])
async def test_a_fan_out_of_which_only_cancelled_items_are_left_is_cancelled(
    store: Namespace, good: int, state: str
) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), JobSpec("report")), 2, None)
    await store.fan_outs.add_items(id, [Item(index, b"{}") for index in range(2)])
    await store.fan_outs.seal(id, 2)
    if good:
        await end(store, [item_id(id, 0)])
    await store.jobs.cancel([item_id(id, index) for index in range(good, 2)], 0)
    assert (await group(store, id)).state == state
    assert await state_of(store, follow_up_id(id)) == (State.QUEUED if good else State.CANCELLED)
