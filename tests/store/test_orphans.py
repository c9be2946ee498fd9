"""Children exist for the job that added them: they end with it, and return with it."""

from typing import Any

import pytest

from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.children import add_children, child, job, lease_of
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, state_of, submit

pytestmark = pytest.mark.anyio
MINUTE = 60_000
NODES = {
    "runs": child(),
    "waits": child(delay_ms=MINUTE),
    "blocked": child(Edge("waits", "finished")),
}


async def family(store: Namespace, nodes: Any = NODES, **fields: Any) -> tuple[str, dict[str, str]]:
    """A parent outside a flow that waits for its children, the first of which runs."""
    id = await submit(store, **fields)
    ids = await add_children(store, (await claim(store)).leases[0], nodes)
    await lease_of(store, slots=1)
    return id, ids


async def end_parent(store: Namespace, id: str, how: str, at: int) -> None:
    if how == "cancelled":
        await store.jobs.cancel([id], 7_000)
    else:
        await store.leases.expire_jobs(now=str(at + 5 * MINUTE))
    assert await state_of(store, id) == (State.CANCELLED if how == "cancelled" else State.DEAD)
    await store.group_tasks.work()


@pytest.mark.parametrize(("how", "grace_ms"), [("cancelled", 7_000), ("dead", 5_000)])
async def test_children_end_with_their_parent(store: Namespace, at: int, how: str, grace_ms: int) -> None:
    id, ids = await family(store, deadline_ms=5 * MINUTE)
    await end_parent(store, id, how, at)
    for key in ("waits", "blocked"):
        found = await job(store, ids[key])
        assert (found.state, found.state_reason) == (State.CANCELLED, "parent")
    running = await job(store, ids["runs"])
    assert (running.state, running.cancel_requested_at) == (State.RUNNING, at)
    redis: Any = store.scripts.redis
    forced = await redis.zscore(keys.cancelling(store.scripts.prefix), ids["runs"])
    assert forced == at + grace_ms
    await store.leases.expire_jobs(now=str(at + grace_ms))
    found = await job(store, ids["runs"])
    assert (found.state, found.state_reason) == (State.CANCELLED, "parent")


@pytest.mark.parametrize("how", ["deleted", "pruned"])
async def test_children_end_with_a_parent_that_is_forgotten_at_once(
    store: Namespace, at: int, how: str
) -> None:
    id, ids = await family(store, retention_ms=0)
    await store.jobs.cancel([id], 0)
    if how == "deleted":
        assert (await store.jobs.delete([id]))[0].result == "moved"
    else:
        assert (await store.leases.prune())[0] == 1
    await store.group_tasks.work()
    for key in ("waits", "blocked"):
        assert (await job(store, ids[key])).state_reason == "parent"
    assert (await job(store, ids["runs"])).cancel_requested_at == at
    await store.leases.expire_jobs(now=str(at + MINUTE))
    await store.jobs.delete(list(ids.values()))
    left = [key async for key in store.scripts.redis.scan_iter(f"{store.scripts.prefix}*job_*")]
    assert left == []


async def test_children_of_children_end_as_well(store: Namespace, at: int) -> None:
    id = await submit(store)
    ids = await add_children(store, (await claim(store)).leases[0], {"x": child()})
    lease = (await lease_of(store))[ids["x"]]
    below = await add_children(store, lease, {"y": child()})
    await end_parent(store, id, "cancelled", at)
    assert [(await job(store, below["y"])).state_reason] == ["parent"]


async def test_a_parent_that_succeeds_leaves_its_children_alone(store: Namespace, at: int) -> None:
    id, ids = await family(store, {"x": child()})
    await store.jobs.cancel([ids["x"]], 0)
    await store.leases.expire_jobs(now=str(at))
    await finish(store, (await claim(store)).leases[0], OK)
    assert await state_of(store, id) == State.SUCCEEDED
    assert await store.group_tasks.work() == 0
    assert (await job(store, ids["x"])).state_reason == "requested"


async def test_a_parent_that_was_redriven_meanwhile_keeps_its_children(store: Namespace) -> None:
    id, ids = await family(store)
    await store.jobs.cancel([id], 0)
    await store.jobs.redrive([id])
    await store.group_tasks.work()
    assert await state_of(store, ids["waits"]) == State.SCHEDULED
    assert await store.dependencies.children(id) == ids


async def test_a_redriven_parent_adds_them_again(store: Namespace, at: int) -> None:
    id, ids = await family(store, {"x": child(), "y": child(delay_ms=MINUTE)})
    await end_parent(store, id, "cancelled", at)
    await store.leases.expire_jobs(now=str(at + MINUTE))
    await store.jobs.redrive([id])
    lease = (await claim(store)).leases[0]
    assert lease.job.id == id
    assert await store.dependencies.children(id) == {}
    again = await add_children(store, lease, {"x": child(), "y": child()})
    assert set(again.values()).isdisjoint(ids.values())
    assert await state_of(store, id) == State.BLOCKED
    for found in (await lease_of(store)).values():
        await finish(store, found, OK)
    assert await state_of(store, id) == State.QUEUED
    assert {key: end.state for key, end in (await store.dependencies.results(id)).items()} == {
        "x": "succeeded",
        "y": "succeeded",
    }
    await finish(store, (await claim(store)).leases[0], OK)
    await store.jobs.delete([id, *ids.values(), *again.values()])
    left = [key async for key in store.scripts.redis.scan_iter(f"{store.scripts.prefix}*job_*")]
    assert left == []


@pytest.mark.parametrize("how", ["cancelled", "dead"])
async def test_in_a_flow_children_end_with_their_parent_and_are_retried_with_it(
    store: Namespace, at: int, how: str
) -> None:
    spec = FlowSpec("flow", {"parent": Node(JobSpec("work", deadline_ms=5 * MINUTE))}, "continue")
    flow = IDS.new("flow", members=1)
    await store.flows.create(flow, spec, None)
    parent = job_ids(flow, spec)["parent"]
    ids = await add_children(store, (await claim(store)).leases[0], {"x": child(delay_ms=MINUTE)})
    await end_parent(store, parent, how, at)
    assert (await job(store, ids["x"])).state_reason == "parent"
    group = await store.groups.get(flow)
    assert group is not None
    assert group.state == ("cancelled" if how == "cancelled" else "failed")
    await store.groups.request_retry(flow)
    await store.group_tasks.work()
    assert [await state_of(store, id) for id in (parent, ids["x"])] == [State.BLOCKED, State.QUEUED]
    await finish(store, (await lease_of(store))[ids["x"]], HOPELESS)
    assert await state_of(store, parent) == State.QUEUED
