"""Children in the store: their specs, their dependencies, and when they run."""

from typing import Any

import pytest

from service.domain.flow import Edge, Node
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queues import RATE_INTERVAL_MS
from service.store.redis import keys
from tests.store.children import MINUTE, add_children, child, job, lease_of, parent
from tests.support import factories
from tests.support.factories import FULL, HOPELESS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


async def test_a_child_has_the_spec_it_was_given(stores: Namespace, at: int) -> None:
    lease = await parent(stores)
    ids = await add_children(stores, lease, {"x": Node(FULL)})
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
    await add_children(stores, lease, {"x": child(queue="parts"), "y": child(queue="parts")})
    assert await stores.queues.names() == ["default", "parts"]
    redis: Any = stores.scripts.redis
    rates = keys.rates(stores.scripts.prefix, queue="parts", interval=str(at // RATE_INTERVAL_MS))
    assert await redis.hget(rates, "enqueued") == b"2"
    assert len(await lease_of(stores)) == 2


async def test_the_limit_of_a_key_holds_for_children(stores: Namespace) -> None:
    await factories.limit(stores, key_max_concurrency=1)
    lease = await parent(stores)
    ids = await add_children(stores, lease, {"x": child(limit_key="acme"), "y": child(limit_key="acme")})
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
async def test_an_expired_child_ends_and_its_parent_continues(
    stores: Namespace, at: int, limits: dict[str, int], reason: str, lives_ms: int
) -> None:
    lease = await parent(stores)
    ids = await add_children(stores, lease, {"x": child(**limits)})
    assert await stores.leases.expire_jobs(now=str(at + lives_ms - 1)) == (0, 1)
    assert (await stores.leases.expire_jobs(now=str(at + lives_ms)))[0] == 1
    ended = await job(stores, ids["x"])
    assert (ended.state, ended.state_reason) == (State.DEAD, reason)
    assert await state_of(stores, lease.job.id) == State.QUEUED
    assert await stores.scripts.redis.zcard(keys.expiry(stores.scripts.prefix)) == 0


@pytest.mark.parametrize("given", ["delay_ms", "run_at_ms"])
async def test_a_child_starts_no_earlier_than_its_time(stores: Namespace, at: int, given: str) -> None:
    lease = await parent(stores)
    fields: Any = {given: MINUTE if given == "delay_ms" else at + MINUTE}
    nodes = {"x": child(**fields), "y": child(Edge("z"), **fields), "z": child()}
    ids = {key: factories.new_id() for key in nodes}
    ordered = {key: nodes[key] for key in ("z", "x", "y")}
    assert await stores.dependencies.wait_for_children(lease, ordered, ids) == "waiting"
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


async def test_a_child_whose_time_has_come_is_queued(stores: Namespace, at: int) -> None:
    lease = await parent(stores)
    ids = await add_children(stores, lease, {"x": child(run_at_ms=at), "y": child(run_at_ms=at - MINUTE)})
    assert [await state_of(stores, id) for id in ids.values()] == [State.QUEUED] * 2


async def test_a_child_waits_for_all_of_its_siblings_and_reads_their_outcomes(stores: Namespace) -> None:
    lease = await parent(stores)
    nodes = {
        "a": child(),
        "b": child(),
        "both": child(Edge("a"), Edge("b", "finished")),
        "unless": child(Edge("b", "failed")),
    }
    ids = await add_children(stores, lease, nodes)
    leases = await lease_of(stores)
    assert sorted(leases) == sorted([ids["a"], ids["b"]])
    await finish(stores, leases[ids["b"]], HOPELESS)
    assert await state_of(stores, ids["both"]) == State.BLOCKED
    assert await state_of(stores, ids["unless"]) == State.QUEUED
    await finish(stores, leases[ids["a"]], OK)
    ends = await stores.dependencies.results(ids["both"])
    assert {key: (end.id, end.state, end.result) for key, end in ends.items()} == {
        "a": (ids["a"], "succeeded", b'{"ok":true}'),
        "b": (ids["b"], "dead", None),
    }
    for last in (await lease_of(stores)).values():
        await finish(stores, last, OK)
    assert await state_of(stores, lease.job.id) == State.QUEUED


async def test_a_failure_reaches_the_siblings_that_wait_and_the_parent_sees_all(
    stores: Namespace,
) -> None:
    lease = await parent(stores)
    nodes = {"a": child(), "b": child(Edge("a")), "c": child(Edge("b", "finished"))}
    ids = await add_children(stores, lease, nodes)
    await finish(stores, (await lease_of(stores))[ids["a"]], HOPELESS)
    await finish(stores, (await lease_of(stores))[ids["c"]], OK)
    ends = await stores.dependencies.results(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == {"a": "dead", "b": "cancelled", "c": "succeeded"}
    again = (await claim(stores)).leases[0]
    assert await stores.dependencies.wait_for_children(again, {}, {}) == "ready"


async def test_a_later_child_may_depend_on_finished_or_forgotten_ones(
    stores: Namespace,
) -> None:
    lease = await parent(stores)
    ids = await add_children(stores, lease, {"a": child(), "b": child()})
    for found in (await lease_of(stores)).values():
        await finish(stores, found, OK)
    again = (await claim(stores)).leases[0]
    assert (await stores.jobs.delete([ids["b"]]))[0].result == "moved"
    ids |= {"c": factories.new_id()}
    nodes = {"c": child(Edge("a"), Edge("b"))}
    assert await stores.dependencies.wait_for_children(again, nodes, ids) == "waiting"
    await finish(stores, (await lease_of(stores))[ids["c"]], OK)
    ends = await stores.dependencies.results(ids["c"])
    assert {key: end.state for key, end in ends.items()} == {"a": "succeeded", "b": "succeeded"}
    ends = await stores.dependencies.results(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == dict.fromkeys("abc", "succeeded")


async def test_a_child_takes_its_turn_after_older_work_of_its_priority(stores: Namespace) -> None:
    lease = await parent(stores)
    older = await factories.submit(stores, name="part")
    ids = await add_children(stores, lease, {"x": child(), "y": child(priority=10)})
    order = [next(iter(await lease_of(stores, slots=1))) for _ in range(3)]
    assert order == [ids["y"], older, ids["x"]]
