"""Jobs that wait for children: when they resume, what they read, and what they wait for again."""

import pytest

from service.clock import Clock
from service.domain.flow import Edge, FlowSpec, Node, When, job_ids
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.children import MINUTE, add_children, child, job, lease_of, parent, parent_in_flow
from tests.support import factories
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


async def test_a_parent_waits_again_only_for_unfinished_children(store: Namespace) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"a": child(), "b": child(delay_ms=MINUTE)})
    await finish(store, (await lease_of(store))[ids["a"]], OK)
    await store.jobs.cancel([lease.job.id], 0)
    assert (await store.jobs.redrive([lease.job.id]))[0].result == "moved"
    again = (await claim(store)).leases[0]
    assert await store.dependencies.wait_for_children(again, {}, ids) == "waiting"
    assert (await claim(store)).leases == []
    await store.jobs.run_now(ids["b"])
    leases = await lease_of(store)
    assert list(leases) == [ids["b"]]
    await finish(store, leases[ids["b"]], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED


async def test_a_parent_that_runs_again_waits_for_no_deleted_child(store: Namespace) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"gone": child()})
    (gone,) = (await lease_of(store)).values()
    # A job with so many dependents uses up the call, and group tasks notify the others of its batch.
    many = {f"j{n}": child(Edge("root")) for n in range(500)}
    spec = FlowSpec("wide", {"root": Node(JobSpec("work")), **many})
    flow = IDS.new("flow", members=501)
    await store.flows.create(flow, spec, None)
    root = (await claim(store)).leases[0]
    await store.leases.finish([factories.ending(root, OK), factories.ending(gone, OK)])
    await store.jobs.cancel([lease.job.id], 0)
    assert (await store.jobs.delete([ids["gone"]]))[0].result == "moved"
    await store.group_tasks.work()
    await store.groups.request_cancel(flow, 0)
    await store.group_tasks.work()
    assert (await store.jobs.redrive([lease.job.id]))[0].result == "moved"
    again = (await claim(store)).leases[0]
    ids = await add_children(store, again, {"new": child()})
    await finish(store, (await lease_of(store))[ids["new"]], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED


async def test_watchers_of_a_job_see_that_it_waits(store: Namespace) -> None:
    lease = await parent(store)
    before = await job(store, lease.job.id)
    async with store.change_feed.watch(lease.job.id) as change:
        await add_children(store, lease, {"x": child()})
        await factories.wait_for_change(change)
    after = await job(store, lease.job.id)
    assert (after.state, after.version) == (State.BLOCKED, before.version + 1)


@pytest.mark.parametrize("gone", ["ended", "forgotten"])
async def test_a_finished_run_adds_no_children(store: Namespace, gone: str) -> None:
    lease = await parent(store)
    await finish(store, lease, OK)
    if gone == "forgotten":
        await store.jobs.delete([lease.job.id])
    ids = await add_children(store, lease, {"x": child()}, "stale")
    assert await state_of(store, ids["x"]) is None
    assert await lease_of(store) == {}


@pytest.mark.parametrize("what", ["job", "flow"])
async def test_a_job_with_a_cancel_request_adds_no_children(store: Namespace, what: str) -> None:
    lease = await parent_in_flow(store)
    flow = lease.job.flow_id
    assert flow is not None
    if what == "job":
        await store.jobs.cancel([lease.job.id], MINUTE)
    else:
        # The request has not reached any job yet.
        await store.groups.request_cancel(flow, MINUTE)
    ids = await add_children(store, lease, {"x": child()})
    assert await finish(store, lease, OK) == "stale"
    # The handler repeats the call after a lost reply.
    ids |= await add_children(store, lease, {"y": child()})
    assert await store.queries.jobs(list(ids.values())) == [None, None]
    ended = await job(store, lease.job.id)
    assert (ended.state, ended.state_reason) == (State.CANCELLED, "requested" if what == "job" else "flow")
    await store.group_tasks.work()
    group = await store.groups.get(flow)
    assert group is not None
    assert (group.state, group.total) == ("cancelled", 2)


@pytest.mark.parametrize("how", ["pruned", "deleted"])
async def test_the_result_of_a_child_is_kept_until_its_parent_has_read_it(store: Namespace, how: str) -> None:
    lease = await parent(store)
    nodes = {
        "a": child(retention_ms=0),
        "b": child(Edge("a"), retention_ms=0),
        "c": child(delay_ms=MINUTE),
    }
    ids = await add_children(store, lease, nodes)
    for key in ("a", "b"):
        await finish(store, (await lease_of(store))[ids[key]], OK)
    if how == "pruned":
        await store.leases.prune(now=str(Clock().now_ms() + factories.DAY))
    else:
        await store.jobs.delete([ids["b"], ids["a"]])
    ends = await store.dependencies.results(lease.job.id)
    assert {key: end.result for key, end in ends.items()} == {
        "a": b'{"ok":true}',
        "b": b'{"ok":true}',
        "c": None,
    }
    assert (await store.jobs.cancel([ids["c"]], 0))[0].result == "moved"
    await finish(store, (await claim(store)).leases[0], OK)
    await store.jobs.delete([lease.job.id, *ids.values()])
    left = [key async for key in store.scripts.redis.scan_iter(f"{store.scripts.prefix}*job_*")]
    assert left == []


@pytest.mark.parametrize("when", ["failed", "finished"])
async def test_a_parent_that_waits_for_children_does_not_wait_again_for_its_dependencies(
    store: Namespace, when: When
) -> None:
    nodes = {"a": child(name="work"), "parent": child(Edge("a", when), name="work")}
    spec, id = FlowSpec("flow", nodes, "continue"), IDS.new("flow", members=2)
    await store.flows.create(id, spec, None)
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    lease = (await claim(store)).leases[0]
    ids = await add_children(store, lease, {"x": child(), "y": child()})
    assert (await store.jobs.redrive([job_ids(id, spec)["a"]]))[0].result == "moved"
    await store.group_tasks.work()
    again = (await claim(store)).leases[0]
    if when == "failed":
        # With this result it would not start now, but it already has.
        await finish(store, again, OK)
    leases = await lease_of(store)
    await finish(store, leases[ids["x"]], OK)
    assert await state_of(store, lease.job.id) == State.BLOCKED
    await finish(store, leases[ids["y"]], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED


async def test_a_parent_waits_again_for_a_child_that_runs_again(store: Namespace) -> None:
    lease = await parent_in_flow(store)
    ids = await add_children(store, lease, {"x": child(), "y": child()})
    leases = await lease_of(store)
    await finish(store, leases[ids["x"]], HOPELESS)
    assert (await store.jobs.redrive([ids["x"]]))[0].result == "moved"
    await store.group_tasks.work()
    await finish(store, leases[ids["y"]], OK)
    assert await state_of(store, lease.job.id) == State.BLOCKED
    await finish(store, (await lease_of(store))[ids["x"]], OK)
    assert await state_of(store, lease.job.id) == State.QUEUED
