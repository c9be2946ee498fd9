"""Children in the store: what they are, what they wait for, and when the job that added them goes on."""

from collections.abc import Mapping
from typing import Any

import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge, FlowSpec, Node, When, job_ids
from service.domain.job import Job, Lease
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queues import SLOT_MS
from service.store.redis import keys
from tests.support import factories
from tests.support.factories import FULL, HOPELESS, IDS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio
MINUTE = 60_000


def child(*edges: Edge, **fields: Any) -> Node:
    given: Any = {"name": "part", **fields}
    return Node(JobSpec(**given), edges)


async def lease_of(stores: Namespace, kind: str = "part", slots: int = 10) -> dict[str, Lease]:
    """Leases by job id on all jobs of a type that may run."""
    leases = (await claim(stores, slots, types={kind: None})).leases
    return {lease.job.id: lease for lease in leases}


async def parent(stores: Namespace) -> Lease:
    await factories.submit(stores)
    return (await claim(stores)).leases[0]


async def parent_in_flow(stores: Namespace) -> Lease:
    """Its key is `parent`, and a job `after` waits for it."""
    spec = FlowSpec("flow", {"parent": Node(JobSpec("work")), "after": child(Edge("parent"))}, "continue")
    id = IDS.new("flow", members=2)
    await stores.flows.create(id, spec, None)
    lease = (await claim(stores)).leases[0]
    assert lease.job.id == job_ids(id, spec)["parent"]
    return lease


async def park(
    stores: Namespace, lease: Lease, nodes: Mapping[str, Node], word: str = "parked"
) -> dict[str, str]:
    ids = {key: factories.new_id() for key in nodes}
    assert await stores.dependencies.park(lease, nodes, ids) == word
    return ids


async def job(stores: Namespace, id: str) -> Job:
    found = await stores.queries.job(id)
    assert found is not None
    return found


async def test_a_child_is_the_job_that_was_asked_for(stores: Namespace, at: int) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"x": Node(FULL)})
    added = await job(stores, ids["x"])
    assert added == Job(
        id=ids["x"],
        version=1,
        name="part",
        queue="parts",
        state=State.QUEUED,
        priority=7,
        payload=b'{"n":1}',
        created_at=at,
        run_at=at,
        queued_at=at,
        retry=FULL.retry,
        timeout_ms=FULL.timeout_ms,
        retention_ms=MINUTE,
        expires_at=at + 2 * MINUTE,
        deadline_at=at + 5 * MINUTE,
        expires_ms=2 * MINUTE,
        deadline_ms=5 * MINUTE,
        tags={"tenant": "acme", "kind": "part"},
        limit_key="acme",
        traceparent=FULL.traceparent,
    )
    for tag in FULL.tags.items():
        page = await stores.queries.list_jobs(JobFilter(tags=dict([tag])), 10, None)
        assert [found.id for found in page.items] == [ids["x"]]


async def test_a_child_is_seen_in_its_queue_and_counted_there(stores: Namespace, at: int) -> None:
    lease = await parent(stores)
    await park(stores, lease, {"x": child(queue="parts"), "y": child(queue="parts")})
    assert await stores.queues.names() == ["default", "parts"]
    redis: Any = stores.scripts.redis
    rates = keys.rates(stores.scripts.prefix, queue="parts", slot=str(at // SLOT_MS))
    assert await redis.hget(rates, "enqueued") == b"2"
    assert len(await lease_of(stores)) == 2


async def test_the_limit_of_a_key_holds_for_children(stores: Namespace) -> None:
    await factories.limit(stores, key_max_concurrency=1)
    lease = await parent(stores)
    ids = await park(stores, lease, {"x": child(limit_key="acme"), "y": child(limit_key="acme")})
    first = await lease_of(stores)
    assert list(first) == [ids["x"]]
    await finish(stores, first[ids["x"]], OK)
    assert list(await lease_of(stores)) == [ids["y"]]


@pytest.mark.parametrize(
    ("limits", "reason", "lives_ms"),
    [
        ({"expires_ms": MINUTE}, "expired", MINUTE),
        ({"deadline_ms": 2 * MINUTE}, "deadline", 2 * MINUTE),
        ({"expires_ms": 3 * MINUTE, "deadline_ms": MINUTE}, "deadline", MINUTE),
        ({"expires_ms": MINUTE, "deadline_ms": 3 * MINUTE}, "expired", MINUTE),
    ],
)
async def test_a_child_ends_when_its_time_is_over_and_its_parent_goes_on(
    stores: Namespace, at: int, limits: dict[str, int], reason: str, lives_ms: int
) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"x": child(**limits)})
    assert await stores.leases.sweep(now=str(at + lives_ms - 1)) == (0, 1)
    assert (await stores.leases.sweep(now=str(at + lives_ms)))[0] == 1
    ended = await job(stores, ids["x"])
    assert (ended.state, ended.state_reason) == (State.DEAD, reason)
    assert await state_of(stores, lease.job.id) == State.QUEUED
    assert await stores.scripts.redis.zcard(keys.expiry(stores.scripts.prefix)) == 0


@pytest.mark.parametrize("given", ["delay_ms", "run_at_ms"])
async def test_a_child_starts_no_earlier_than_it_may(stores: Namespace, at: int, given: str) -> None:
    lease = await parent(stores)
    fields: Any = {given: MINUTE if given == "delay_ms" else at + MINUTE}
    nodes = {"x": child(**fields), "y": child(Edge("z"), **fields), "z": child()}
    ids = {key: factories.new_id() for key in nodes}
    ordered = {key: nodes[key] for key in ("z", "x", "y")}
    assert await stores.dependencies.park(lease, ordered, ids) == "parked"
    x = await job(stores, ids["x"])
    assert (x.state, x.run_at, x.queued_at) == (State.SCHEDULED, at + MINUTE, None)
    waits = await job(stores, ids["y"])
    assert (waits.state, waits.queued_at) == (State.BLOCKED, None)
    leases = await lease_of(stores)
    assert list(leases) == [ids["z"]]
    await finish(stores, leases[ids["z"]], OK)
    y = await job(stores, ids["y"])
    assert (y.state, y.run_at) == (State.SCHEDULED, at + MINUTE)
    assert y.version > waits.version
    stores.scripts.now = str(at + MINUTE)
    assert sorted(await lease_of(stores)) == sorted([ids["x"], ids["y"]])


async def test_a_child_whose_time_is_now_is_queued(stores: Namespace, at: int) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"x": child(run_at_ms=at), "y": child(run_at_ms=at - MINUTE)})
    assert [await state_of(stores, id) for id in ids.values()] == [State.QUEUED] * 2


async def test_a_child_waits_for_all_of_its_siblings_and_reads_how_they_ended(stores: Namespace) -> None:
    lease = await parent(stores)
    nodes = {
        "a": child(),
        "b": child(),
        "both": child(Edge("a"), Edge("b", "finished")),
        "unless": child(Edge("b", "failed")),
    }
    ids = await park(stores, lease, nodes)
    leases = await lease_of(stores)
    assert sorted(leases) == sorted([ids["a"], ids["b"]])
    await finish(stores, leases[ids["b"]], HOPELESS)
    assert await state_of(stores, ids["both"]) == State.BLOCKED
    assert await state_of(stores, ids["unless"]) == State.QUEUED
    await finish(stores, leases[ids["a"]], OK)
    ends = await stores.dependencies.ends(ids["both"])
    assert {key: (end.id, end.state, end.result) for key, end in ends.items()} == {
        "a": (ids["a"], "succeeded", b'{"ok":true}'),
        "b": (ids["b"], "dead", None),
    }
    for last in (await lease_of(stores)).values():
        await finish(stores, last, OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_a_failure_reaches_the_siblings_that_wait_and_the_parent_learns_of_all(
    stores: Namespace,
) -> None:
    lease = await parent(stores)
    nodes = {"a": child(), "b": child(Edge("a")), "c": child(Edge("b", "finished"))}
    ids = await park(stores, lease, nodes)
    await finish(stores, (await lease_of(stores))[ids["a"]], HOPELESS)
    await finish(stores, (await lease_of(stores))[ids["c"]], OK)
    ends = await stores.dependencies.ends(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == {"a": "dead", "b": "cancelled", "c": "succeeded"}
    again = (await claim(stores)).leases[0]
    assert await stores.dependencies.park(again, {}, {}) == "ready"


async def test_a_child_that_comes_later_may_wait_for_what_has_ended_or_was_forgotten(
    stores: Namespace,
) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"a": child(), "b": child()})
    for found in (await lease_of(stores)).values():
        await finish(stores, found, OK)
    again = (await claim(stores)).leases[0]
    assert (await stores.jobs.delete([ids["b"]]))[0].result == "moved"
    ids |= {"c": factories.new_id()}
    nodes = {"c": child(Edge("a"), Edge("b"))}
    assert await stores.dependencies.park(again, nodes, ids) == "parked"
    await finish(stores, (await lease_of(stores))[ids["c"]], OK)
    ends = await stores.dependencies.ends(ids["c"])
    assert {key: end.state for key, end in ends.items()} == {"a": "succeeded", "b": "succeeded"}
    ends = await stores.dependencies.ends(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == dict.fromkeys("abc", "succeeded")


async def test_a_parent_waits_again_only_for_what_is_left(stores: Namespace) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"a": child(), "b": child(delay_ms=MINUTE)})
    await finish(stores, (await lease_of(stores))[ids["a"]], OK)
    await stores.jobs.cancel([lease.job.id], 0)
    assert (await stores.jobs.redrive([lease.job.id]))[0].result == "moved"
    again = (await claim(stores)).leases[0]
    assert await stores.dependencies.park(again, {}, ids) == "parked"
    assert (await claim(stores)).leases == []
    await stores.jobs.run_now(ids["b"])
    leases = await lease_of(stores)
    assert list(leases) == [ids["b"]]
    await finish(stores, leases[ids["b"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_a_parent_that_runs_again_waits_for_no_child_that_is_gone(stores: Namespace) -> None:
    lease = await parent(stores)
    ids = await park(stores, lease, {"gone": child()})
    (gone,) = (await lease_of(stores)).values()
    # An end that is told to so many leaves the rest of the batch to whoever carries on.
    many = {f"j{n}": child(Edge("root")) for n in range(500)}
    spec = FlowSpec("wide", {"root": Node(JobSpec("work")), **many})
    flow = IDS.new("flow", members=501)
    await stores.flows.create(flow, spec, None)
    root = (await claim(stores)).leases[0]
    await stores.leases.finish([factories.ending(root, OK), factories.ending(gone, OK)])
    await stores.jobs.cancel([lease.job.id], 0)
    assert (await stores.jobs.delete([ids["gone"]]))[0].result == "moved"
    await stores.group_tasks.work()
    await stores.groups.request_cancel(flow, 0)
    await stores.group_tasks.work()
    assert (await stores.jobs.redrive([lease.job.id]))[0].result == "moved"
    again = (await claim(stores)).leases[0]
    ids = await park(stores, again, {"new": child()})
    await finish(stores, (await lease_of(stores))[ids["new"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_children_of_a_job_in_a_flow_belong_to_the_flow(stores: Namespace) -> None:
    lease = await parent_in_flow(stores)
    flow = lease.job.flow_id
    assert flow is not None
    before = await stores.groups.get(flow)
    ids = await park(stores, lease, {"x": child(), "y": child(Edge("x"))})
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
    # Children of a child carry the whole path.
    y = (await lease_of(stores))[ids["y"]]
    grandchild = (await park(stores, y, {"z": child()}))["z"]
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
    ids = await park(stores, lease, {"x": child(), "y": child(Edge("x"))})
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


async def test_who_watches_a_job_hears_that_it_waits(stores: Namespace) -> None:
    lease = await parent(stores)
    before = await job(stores, lease.job.id)
    async with stores.change_feed.watch(lease.job.id) as change:
        await park(stores, lease, {"x": child()})
        await factories.heard(change)
    after = await job(stores, lease.job.id)
    assert (after.state, after.version) == (State.BLOCKED, before.version + 1)


@pytest.mark.parametrize("gone", ["ended", "forgotten"])
async def test_a_run_that_is_over_adds_no_children(stores: Namespace, gone: str) -> None:
    lease = await parent(stores)
    await finish(stores, lease, OK)
    if gone == "forgotten":
        await stores.jobs.delete([lease.job.id])
    ids = await park(stores, lease, {"x": child()}, "stale")
    assert await state_of(stores, ids["x"]) is None
    assert await lease_of(stores) == {}


async def test_children_of_an_item_are_no_items_of_its_fan_out(stores: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await stores.fan_outs.open(id, FanOutSpec(JobSpec("work"), JobSpec("report"), max_concurrency=1), 2, None)
    await stores.fan_outs.fill(id, [Item(0, b"{}"), Item(1, b"{}")])
    lease = (await claim(stores)).leases[0]
    ids = await park(stores, lease, {"x": child(), "y": child()})
    assert (await job(stores, ids["x"])).fan_out_id is None
    await stores.fan_outs.seal(id, 2)
    group = await stores.groups.get(id)
    assert group is not None
    assert (group.total, group.counts[State.BLOCKED], group.counts[State.QUEUED]) == (2, 1, 1)
    leases = await lease_of(stores)
    assert len(leases) == 2, "what limits the items does not limit their children"
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
    ids = await park(stores, again, {"x": child()})
    assert (await job(stores, ids["x"])).flow_id is None
    await finish(stores, (await lease_of(stores))[ids["x"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED
    redis: Any = stores.scripts.redis
    prefix = stores.scripts.prefix
    left = (keys.group(prefix, group=flow), keys.group_jobs(prefix, group=flow))
    assert await redis.exists(*left) == 0, "nothing would ever forget it"


@pytest.mark.parametrize("what", ["job", "flow"])
async def test_a_job_that_is_to_be_cancelled_adds_no_children(stores: Namespace, what: str) -> None:
    lease = await parent_in_flow(stores)
    flow = lease.job.flow_id
    assert flow is not None
    if what == "job":
        await stores.jobs.cancel([lease.job.id], MINUTE)
    else:
        # Nobody has begun to cancel its jobs.
        await stores.groups.request_cancel(flow, MINUTE)
    ids = await park(stores, lease, {"x": child()})
    assert await finish(stores, lease, OK) == "stale"
    # Sent again, after a lost reply.
    ids |= await park(stores, lease, {"y": child()})
    assert await stores.queries.jobs(list(ids.values())) == [None, None]
    ended = await job(stores, lease.job.id)
    assert (ended.state, ended.state_reason) == (State.CANCELLED, "requested" if what == "job" else "flow")
    await stores.group_tasks.work()
    group = await stores.groups.get(flow)
    assert group is not None
    assert (group.state, group.total) == ("cancelled", 2)


@pytest.mark.parametrize("how", ["pruned", "deleted"])
async def test_what_a_child_answered_is_kept_until_its_parent_has_read_it(
    stores: Namespace, how: str
) -> None:
    lease = await parent(stores)
    nodes = {
        "a": child(retention_ms=0),
        "b": child(Edge("a"), retention_ms=0),
        "c": child(delay_ms=MINUTE),
    }
    ids = await park(stores, lease, nodes)
    for key in ("a", "b"):
        await finish(stores, (await lease_of(stores))[ids[key]], OK)
    if how == "pruned":
        await stores.leases.prune(now=str(Clock().now_ms() + factories.DAY))
    else:
        await stores.jobs.delete([ids["b"], ids["a"]])
    ends = await stores.dependencies.ends(lease.job.id)
    assert {key: end.result for key, end in ends.items()} == {
        "a": b'{"ok":true}',
        "b": b'{"ok":true}',
        "c": None,
    }
    assert (await stores.jobs.cancel([ids["c"]], 0))[0].result == "moved"
    await finish(stores, (await claim(stores)).leases[0], OK)
    await stores.jobs.delete([lease.job.id, *ids.values()])
    left = [key async for key in stores.scripts.redis.scan_iter(f"{stores.scripts.prefix}*job_*")]
    assert left == []


async def test_a_child_takes_its_turn_after_older_work_of_its_priority(stores: Namespace) -> None:
    lease = await parent(stores)
    older = await factories.submit(stores, name="part")
    ids = await park(stores, lease, {"x": child(), "y": child(priority=10)})
    order = [next(iter(await lease_of(stores, slots=1))) for _ in range(3)]
    assert order == [ids["y"], older, ids["x"]]


@pytest.mark.parametrize("when", ["failed", "finished"])
async def test_a_parent_that_waits_for_its_children_does_not_ask_again_what_it_waited_for_before(
    stores: Namespace, when: When
) -> None:
    nodes = {"a": child(name="work"), "parent": child(Edge("a", when), name="work")}
    spec, id = FlowSpec("flow", nodes, "continue"), IDS.new("flow", members=2)
    await stores.flows.create(id, spec, None)
    await finish(stores, (await claim(stores)).leases[0], HOPELESS)
    lease = (await claim(stores)).leases[0]
    ids = await park(stores, lease, {"x": child(), "y": child()})
    assert (await stores.jobs.redrive([job_ids(id, spec)["a"]]))[0].result == "moved"
    await stores.group_tasks.work()
    again = (await claim(stores)).leases[0]
    if when == "failed":
        # It would not start now; it has started.
        await finish(stores, again, OK)
    leases = await lease_of(stores)
    await finish(stores, leases[ids["x"]], OK)
    assert await state_of(stores, lease.job.id) == State.BLOCKED
    await finish(stores, leases[ids["y"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_a_parent_waits_again_for_a_child_that_runs_again(stores: Namespace) -> None:
    lease = await parent_in_flow(stores)
    ids = await park(stores, lease, {"x": child(), "y": child()})
    leases = await lease_of(stores)
    await finish(stores, leases[ids["x"]], HOPELESS)
    assert (await stores.jobs.redrive([ids["x"]]))[0].result == "moved"
    await stores.group_tasks.work()
    await finish(stores, leases[ids["y"]], OK)
    assert await state_of(stores, lease.job.id) == State.BLOCKED
    await finish(stores, (await lease_of(stores))[ids["x"]], OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED
