"""Children in the store: their specs, their dependencies, and when they run."""

from typing import Any

import pytest

from service.domain.flow import Edge, Node
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.queues.queue_activity import RATE_INTERVAL_MS
from service.store.redis import keys
from tests.store.children import MINUTE, add_children, child, job, lease_of, parent
from tests.support import factories
from tests.support.factories import FULL, HOPELESS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


async def test_a_child_has_the_spec_it_was_given(store: Namespace, at: int) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"x": Node(FULL)})
    added = await job(store, ids["x"])
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
        page = await store.queries.list_jobs(JobFilter(tags=dict([tag])), 10, None)
        assert [found.id for found in page.items] == [ids["x"]]


async def test_a_child_is_seen_in_its_queue_and_counted_there(store: Namespace, at: int) -> None:
    lease = await parent(store)
    await add_children(store, lease, {"x": child(queue="parts"), "y": child(queue="parts")})
    assert await store.queues.names() == ["default", "parts"]
    redis: Any = store.scripts.redis
    rates = keys.rates(store.scripts.prefix, queue="parts", interval=str(at // RATE_INTERVAL_MS))
    assert await redis.hget(rates, "enqueued") == b"2"
    assert len(await lease_of(store)) == 2


async def test_the_limit_of_a_key_holds_for_children(store: Namespace) -> None:
    await factories.limit(store, key_max_concurrency=1)
    lease = await parent(store)
    ids = await add_children(store, lease, {"x": child(limit_key="acme"), "y": child(limit_key="acme")})
    first = await lease_of(store)
    assert list(first) == [ids["x"]]
    await finish(store, first[ids["x"]], OK)
    assert list(await lease_of(store)) == [ids["y"]]


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
    store: Namespace, at: int, limits: dict[str, int], reason: str, lives_ms: int
) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"x": child(**limits)})
    assert await store.leases.expire_jobs(now=str(at + lives_ms - 1)) == (0, 1)
    assert (await store.leases.expire_jobs(now=str(at + lives_ms)))[0] == 1
    ended = await job(store, ids["x"])
    assert (ended.state, ended.state_reason) == (State.DEAD, reason)
    assert await state_of(store, lease.job.id) == State.QUEUED
    assert await store.scripts.redis.zcard(keys.expiry(store.scripts.prefix)) == 0


@pytest.mark.parametrize("given", ["delay_ms", "run_at_ms"])
async def test_a_child_starts_no_earlier_than_its_time(store: Namespace, at: int, given: str) -> None:
    lease = await parent(store)
    fields: Any = {given: MINUTE if given == "delay_ms" else at + MINUTE}
    nodes = {"x": child(**fields), "y": child(Edge("z"), **fields), "z": child()}
    ids = {key: factories.new_id() for key in nodes}
    ordered = {key: nodes[key] for key in ("z", "x", "y")}
    assert await store.dependencies.wait_for_children(lease, ordered, ids) == "waiting"
    x = await job(store, ids["x"])
    assert (x.state, x.run_at, x.queued_at) == (State.SCHEDULED, at + MINUTE, None)
    waits = await job(store, ids["y"])
    assert (waits.state, waits.queued_at) == (State.BLOCKED, None)
    leases = await lease_of(store)
    assert list(leases) == [ids["z"]]
    await finish(store, leases[ids["z"]], OK)
    y = await job(store, ids["y"])
    assert (y.state, y.run_at) == (State.SCHEDULED, at + MINUTE)
    assert y.version > waits.version
    store.scripts.now = str(at + MINUTE)
    assert sorted(await lease_of(store)) == sorted([ids["x"], ids["y"]])


async def test_a_child_whose_time_has_come_is_queued(store: Namespace, at: int) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"x": child(run_at_ms=at), "y": child(run_at_ms=at - MINUTE)})
    assert [await state_of(store, id) for id in ids.values()] == [State.QUEUED] * 2


async def test_a_child_waits_for_all_of_its_siblings_and_reads_their_outcomes(store: Namespace) -> None:
    lease = await parent(store)
    nodes = {
        "a": child(),
        "b": child(),
        "both": child(Edge("a"), Edge("b", "finished")),
        "unless": child(Edge("b", "failed")),
    }
    ids = await add_children(store, lease, nodes)
    leases = await lease_of(store)
    assert sorted(leases) == sorted([ids["a"], ids["b"]])
    await finish(store, leases[ids["b"]], HOPELESS)
    assert await state_of(store, ids["both"]) == State.BLOCKED
    assert await state_of(store, ids["unless"]) == State.QUEUED
    await finish(store, leases[ids["a"]], OK)
    ends = await store.dependencies.results(ids["both"])
    assert {key: (end.id, end.state, end.result) for key, end in ends.items()} == {
        "a": (ids["a"], "succeeded", b'{"ok":true}'),
        "b": (ids["b"], "dead", None),
    }
    for last in (await lease_of(store)).values():
        await finish(store, last, OK)
    assert await state_of(store, lease.job.id) == State.QUEUED


async def test_a_failure_reaches_the_siblings_that_wait_and_the_parent_sees_all(
    store: Namespace,
) -> None:
    lease = await parent(store)
    nodes = {"a": child(), "b": child(Edge("a")), "c": child(Edge("b", "finished"))}
    ids = await add_children(store, lease, nodes)
    await finish(store, (await lease_of(store))[ids["a"]], HOPELESS)
    await finish(store, (await lease_of(store))[ids["c"]], OK)
    ends = await store.dependencies.results(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == {"a": "dead", "b": "cancelled", "c": "succeeded"}
    again = (await claim(store)).leases[0]
    assert await store.dependencies.wait_for_children(again, {}, {}) == "ready"


async def test_a_later_child_may_depend_on_finished_or_forgotten_ones(
    store: Namespace,
) -> None:
    lease = await parent(store)
    ids = await add_children(store, lease, {"a": child(), "b": child()})
    for found in (await lease_of(store)).values():
        await finish(store, found, OK)
    again = (await claim(store)).leases[0]
    assert (await store.jobs.delete([ids["b"]]))[0].result == "moved"
    ids |= {"c": factories.new_id()}
    nodes = {"c": child(Edge("a"), Edge("b"))}
    assert await store.dependencies.wait_for_children(again, nodes, ids) == "waiting"
    await finish(store, (await lease_of(store))[ids["c"]], OK)
    ends = await store.dependencies.results(ids["c"])
    assert {key: end.state for key, end in ends.items()} == {"a": "succeeded", "b": "succeeded"}
    ends = await store.dependencies.results(lease.job.id)
    assert {key: end.state for key, end in ends.items()} == dict.fromkeys("abc", "succeeded")


async def test_a_child_takes_its_turn_after_older_work_of_its_priority(store: Namespace) -> None:
    lease = await parent(store)
    older = await factories.submit(store, name="part")
    ids = await add_children(store, lease, {"x": child(), "y": child(priority=10)})
    order = [next(iter(await lease_of(store, slots=1))) for _ in range(3)]
    assert order == [ids["y"], older, ids["x"]]


async def test_nothing_is_left_of_the_children_of_a_deleted_child(store: Namespace) -> None:
    outer = await parent(store)
    ids = await add_children(store, outer, {"child": child()})
    (lease,) = (await lease_of(store)).values()
    inner = await add_children(store, lease, {"first": child(), "second": child()})
    leases = await lease_of(store)
    await finish(store, leases[inner["first"]], OK)
    # The child that waits may still read this result.
    await store.jobs.delete([inner["first"]])
    assert await left(store, "ended:") == {f"ended:{inner['first']}"}
    await finish(store, leases[inner["second"]], OK)
    await finish(store, (await lease_of(store))[ids["child"]], OK)
    await store.jobs.delete([inner["second"], ids["child"]])
    assert await left(store, "ended:") == {f"ended:{ids['child']}"}
    (again,) = (await claim(store)).leases
    await finish(store, again, OK)
    await store.jobs.delete([again.job.id])
    await store.group_tasks.work()
    assert await left(store, "ended:") == await left(store, "job:") == set()


async def test_nothing_is_left_of_a_parent_that_is_deleted_while_a_task_cancels_its_children(
    store: Namespace,
) -> None:
    lease = await parent(store)
    await add_children(store, lease, {"x": child()})
    await store.jobs.cancel([lease.job.id], 0)
    await store.jobs.delete([lease.job.id])
    [(task, score)] = await store.scripts.redis.zrange(
        keys.tasks(store.scripts.prefix), 0, -1, withscores=True
    )
    assert await left(store, f"job:{lease.job.id}") == {f"job:{lease.job.id}:dependencies"}
    # The process that works on the task has read the job before it was deleted.
    assert await store.scripts.run("complete_task", [task, int(score)]) == 1
    assert await left(store, f"job:{lease.job.id}") == set()


async def left(store: Namespace, kind: str) -> set[str]:
    """The keys of this kind, without the prefix of the namespace."""
    redis: Any = store.scripts.redis
    found = redis.scan_iter(match=f"{store.scripts.prefix}{kind}*", count=1000)
    return {key.decode().removeprefix(store.scripts.prefix) async for key in found}
