"""Children of jobs in flows and fan-outs: they belong to the flow, but are not counted as items."""

from typing import Any

import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.children import add_children, child, job, lease_of, parent_in_flow
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


async def test_children_of_a_job_in_a_flow_belong_to_the_flow(store: Namespace) -> None:
    lease = await parent_in_flow(store)
    flow = lease.job.flow_id
    assert flow is not None
    before = await store.groups.get(flow)
    ids = await add_children(store, lease, {"x": child(), "y": child(Edge("x"))})
    after = await store.groups.get(flow)
    assert before is not None
    assert after is not None
    assert after.version > before.version
    assert (after.total, after.counts[State.BLOCKED], after.counts[State.QUEUED]) == (4, 3, 1)
    x = await job(store, ids["x"])
    assert (x.flow_id, x.flow_key) == (flow, "parent/x")
    jobs, edges = await store.flows.graph(flow)
    assert {key: jobs[key] for key in ("parent/x", "parent/y")} == {
        "parent/x": ids["x"],
        "parent/y": ids["y"],
    }
    assert {(edge.source, edge.target, edge.when) for edge in edges} == {
        ("parent", "after", "succeeded"),
        ("parent/x", "parent", "child"),
        ("parent/y", "parent", "child"),
        ("parent/x", "parent/y", "succeeded"),
    }
    await finish(store, (await lease_of(store))[ids["x"]], OK)
    # The keys of nested children contain the whole path.
    y = (await lease_of(store))[ids["y"]]
    grandchild = (await add_children(store, y, {"z": child()}))["z"]
    assert (await job(store, grandchild)).flow_key == "parent/y/z"
    assert await store.dependencies.children(y.job.id) == {"z": grandchild}
    await finish(store, (await lease_of(store))[grandchild], OK)
    await finish(store, (await lease_of(store))[ids["y"]], OK)
    await finish(store, (await claim(store)).leases[0], OK)
    (last,) = (await lease_of(store)).values()
    await finish(store, last, OK)
    ended = await store.groups.get(flow)
    assert ended is not None
    assert (ended.state, ended.total, ended.counts[State.SUCCEEDED]) == ("succeeded", 5, 5)


async def test_a_flow_that_is_cancelled_takes_the_children_with_it_and_a_retry_runs_them(
    store: Namespace,
) -> None:
    lease = await parent_in_flow(store)
    flow = lease.job.flow_id
    assert flow is not None
    ids = await add_children(store, lease, {"x": child(), "y": child(Edge("x"))})
    await store.groups.request_cancel(flow, 0)
    await store.group_tasks.work()
    assert [await state_of(store, id) for id in ids.values()] == [State.CANCELLED] * 2
    await store.groups.request_retry(flow)
    await store.group_tasks.work()
    assert [await state_of(store, id) for id in (*ids.values(), lease.job.id)] == [
        State.QUEUED,
        State.BLOCKED,
        State.BLOCKED,
    ]
    for id in ids.values():
        await finish(store, (await lease_of(store))[id], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED


async def test_children_of_an_item_do_not_count_as_items_of_its_fan_out(store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(
        id, FanOutSpec(JobSpec("work"), JobSpec("report"), max_concurrency=1), 2, None
    )
    await store.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    lease = (await claim(store)).leases[0]
    ids = await add_children(store, lease, {"x": child(), "y": child()})
    assert (await job(store, ids["x"])).fan_out_id is None
    await store.fan_outs.seal(id, 2)
    group = await store.groups.get(id)
    assert group is not None
    assert (group.total, group.counts[State.BLOCKED], group.counts[State.QUEUED]) == (2, 1, 1)
    leases = await lease_of(store)
    assert len(leases) == 2, "the limit of the items also held back their children"
    for found in leases.values():
        await finish(store, found, OK)
    for _ in range(2):
        await finish(store, (await claim(store)).leases[0], OK)
    group = await store.groups.get(id)
    assert group is not None
    assert (group.state, group.total, group.counts[State.SUCCEEDED]) == ("succeeded", 2, 2)


async def test_a_job_that_has_outlived_its_flow_can_still_have_children(store: Namespace) -> None:
    lease = await parent_in_flow(store)
    flow = lease.job.flow_id
    assert flow is not None
    await finish(store, lease, HOPELESS)
    await store.groups.forget(flow)
    await store.jobs.redrive([lease.job.id])
    again = (await claim(store)).leases[0]
    ids = await add_children(store, again, {"x": child()})
    assert (await job(store, ids["x"])).flow_id is None
    await finish(store, (await lease_of(store))[ids["x"]], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED
    redis: Any = store.scripts.redis
    prefix = store.scripts.prefix
    left = (keys.group(prefix, group=flow), keys.group_jobs(prefix, group=flow))
    assert await redis.exists(*left) == 0, "it would never be pruned"
