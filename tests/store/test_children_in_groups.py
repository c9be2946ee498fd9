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


async def test_children_of_a_job_in_a_flow_belong_to_the_flow(stores: Namespace) -> None:
    lease = await parent_in_flow(stores)
    flow = lease.job.flow_id
    assert flow is not None
    before = await stores.groups.get(flow)
    ids = await add_children(stores, lease, {"x": child(), "y": child(Edge("x"))})
    after = await stores.groups.get(flow)
    assert before is not None
    assert after is not None
    assert after.version > before.version
    assert (after.total, after.counts[State.BLOCKED], after.counts[State.QUEUED]) == (4, 3, 1)
    x = await job(stores, ids["x"])
    assert (x.flow_id, x.flow_key) == (flow, "parent/x")
    jobs, edges = await stores.flows.graph(flow)
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
    await finish(stores, (await lease_of(stores))[ids["x"]], OK)
    # The keys of nested children contain the whole path.
    y = (await lease_of(stores))[ids["y"]]
    grandchild = (await add_children(stores, y, {"z": child()}))["z"]
    assert (await job(stores, grandchild)).flow_key == "parent/y/z"
    assert await stores.dependencies.children(y.job.id) == {"z": grandchild}
    await finish(stores, (await lease_of(stores))[grandchild], OK)
    await finish(stores, (await lease_of(stores))[ids["y"]], OK)
    await finish(stores, (await claim(stores)).leases[0], OK)
    (last,) = (await lease_of(stores)).values()
    await finish(stores, last, OK)
    ended = await stores.groups.get(flow)
    assert ended is not None
    assert (ended.state, ended.total, ended.counts[State.SUCCEEDED]) == ("succeeded", 5, 5)


async def test_a_flow_that_is_cancelled_takes_the_children_with_it_and_a_retry_runs_them(
    stores: Namespace,
) -> None:
    lease = await parent_in_flow(stores)
    flow = lease.job.flow_id
    assert flow is not None
    ids = await add_children(stores, lease, {"x": child(), "y": child(Edge("x"))})
    await stores.groups.request_cancel(flow, 0)
    await stores.group_tasks.work()
    assert [await state_of(stores, id) for id in ids.values()] == [State.CANCELLED] * 2
    await stores.groups.request_retry(flow)
    await stores.group_tasks.work()
    assert [await state_of(stores, id) for id in (*ids.values(), lease.job.id)] == [
        State.QUEUED,
        State.BLOCKED,
        State.BLOCKED,
    ]
    for id in ids.values():
        await finish(stores, (await lease_of(stores))[id], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_children_of_an_item_do_not_count_as_items_of_its_fan_out(stores: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await stores.fan_outs.create(
        id, FanOutSpec(JobSpec("work"), JobSpec("report"), max_concurrency=1), 2, None
    )
    await stores.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    lease = (await claim(stores)).leases[0]
    ids = await add_children(stores, lease, {"x": child(), "y": child()})
    assert (await job(stores, ids["x"])).fan_out_id is None
    await stores.fan_outs.seal(id, 2)
    group = await stores.groups.get(id)
    assert group is not None
    assert (group.total, group.counts[State.BLOCKED], group.counts[State.QUEUED]) == (2, 1, 1)
    leases = await lease_of(stores)
    assert len(leases) == 2, "the limit of the items also held back their children"
    for found in leases.values():
        await finish(stores, found, OK)
    for _ in range(2):
        await finish(stores, (await claim(stores)).leases[0], OK)
    group = await stores.groups.get(id)
    assert group is not None
    assert (group.state, group.total, group.counts[State.SUCCEEDED]) == ("succeeded", 2, 2)


async def test_a_job_that_has_outlived_its_flow_can_still_have_children(stores: Namespace) -> None:
    lease = await parent_in_flow(stores)
    flow = lease.job.flow_id
    assert flow is not None
    await finish(stores, lease, HOPELESS)
    await stores.groups.forget(flow)
    await stores.jobs.redrive([lease.job.id])
    again = (await claim(stores)).leases[0]
    ids = await add_children(stores, again, {"x": child()})
    assert (await job(stores, ids["x"])).flow_id is None
    await finish(stores, (await lease_of(stores))[ids["x"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED
    redis: Any = stores.scripts.redis
    prefix = stores.scripts.prefix
    left = (keys.group(prefix, group=flow), keys.group_jobs(prefix, group=flow))
    assert await redis.exists(*left) == 0, "it would never be pruned"
