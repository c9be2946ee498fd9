"""Flows in the store: no job waits for something that cannot happen, and results stay readable."""

import asyncio

import pytest

from service.domain.errors import StoreFault
from service.domain.flow import Edge, Node, When
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.outcome import Crashed, Failure
from service.domain.states import State
from service.store.groups.tasks import AT_MOST
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.flows import IDS, create, end_of, run, spec_of
from tests.support import factories
from tests.support.factories import HOPELESS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio


async def test_a_thousand_dependents_are_released_by_one_end(store: Namespace) -> None:
    edges: dict[str, dict[str, When]] = {"root": {}, **{f"j{n}": {"root": "succeeded"} for n in range(1_000)}}
    edges["last"] = dict.fromkeys((f"j{n}" for n in range(1_000)), "finished")
    id, jobs = await create(store, spec_of(edges))
    await finish(store, await run(store, jobs["root"]), OK)
    tasks = await store.scripts.redis.zrange(keys.tasks(store.scripts.prefix), 0, -1)
    assert f"notify {jobs['root']}".encode() in tasks
    await store.group_tasks.work()
    leases = [lease for _ in range(6) for lease in (await claim(store, 200)).leases]
    assert len(leases) == 1_000
    for start in range(0, 1_000, 500):
        await store.leases.finish([factories.ending(lease, OK) for lease in leases[start : start + 500]])
    await finish(store, await run(store, jobs["last"]), OK)
    assert await end_of(store, id) == "succeeded"


async def test_a_failure_goes_down_a_chain_of_a_thousand(store: Namespace) -> None:
    edges: dict[str, dict[str, When]] = {
        f"j{n}": {f"j{n - 1}": "succeeded"} if n else {} for n in range(1_000)
    }
    id, jobs = await create(store, spec_of(edges))
    await finish(store, await run(store, jobs["j0"]), HOPELESS)
    assert await end_of(store, id) == "failed"
    last = await store.queries.job(jobs["j999"])
    assert last is not None
    assert (last.state, last.state_reason) == (State.CANCELLED, "dependency")


async def test_two_dependencies_that_finish_at_once_release_their_dependent_once(store: Namespace) -> None:
    for _ in range(20):
        id, jobs = await create(store, spec_of({"a": {}, "b": {}, "c": {"a": "succeeded", "b": "succeeded"}}))
        leases = (await claim(store, 2)).leases
        await asyncio.gather(*(finish(store, lease, OK) for lease in leases))
        await finish(store, await run(store, jobs["c"]), OK)
        assert await end_of(store, id) == "succeeded"


async def test_a_repeated_finish_releases_no_job_early(store: Namespace) -> None:
    _, jobs = await create(store, spec_of({"a": {}, "b": {}, "c": {"a": "succeeded", "b": "succeeded"}}))
    leases = (await claim(store, 2)).leases
    for _ in range(3):
        await finish(store, leases[0], OK)
        await store.scripts.run("notify_dependents", [leases[0].job.id, 0])
    assert await state_of(store, jobs["c"]) == State.BLOCKED
    await finish(store, leases[1], OK)
    assert await state_of(store, jobs["c"]) == State.QUEUED


ENDS = {
    "exhausted": (State.CANCELLED, State.QUEUED),
    "poison": (State.CANCELLED, State.QUEUED),
    "expired": (State.CANCELLED, State.QUEUED),
    "deadline": (State.CANCELLED, State.QUEUED),
    "cancelled": (State.CANCELLED, State.CANCELLED),
    "deleted": (State.QUEUED, State.CANCELLED),
}


@pytest.mark.parametrize("how", ENDS)
async def test_every_outcome_reaches_the_dependents(store: Namespace, how: str) -> None:
    limits = {"expired": {"expires_ms": 1_000}, "deadline": {"deadline_ms": 1_000}}.get(how, {})
    edges: dict[str, dict[str, When]] = {
        "a": {},
        "on_success": {"a": "succeeded"},
        "on_failure": {"a": "failed"},
        "after": {"a": "finished"},
    }
    spec = spec_of(edges)
    spec.nodes["a"] = Node(JobSpec("work", **limits))  # type: ignore[index]
    id, jobs = await create(store, spec)
    if how == "cancelled":
        await store.jobs.cancel([jobs["a"]], 0)
    elif how in ("expired", "deadline"):
        at = (await store.queries.job(jobs["a"])).created_at + 1_001  # type: ignore[union-attr]
        await store.leases.expire_jobs(now=str(at))
    elif how == "poison":
        for _ in range(3):
            await finish(store, await run(store, jobs["a"]), Crashed(Failure("Died", "died")))
    else:
        await finish(store, await run(store, jobs["a"]), HOPELESS if how == "exhausted" else OK)
    if how == "deleted":
        assert (await store.jobs.delete([jobs["a"]]))[0].result == "moved"
    states = [await state_of(store, jobs[key]) for key in ("on_success", "on_failure", "after")]
    assert states == [*ENDS[how], State.QUEUED]
    while leases := (await claim(store, 10)).leases:
        for lease in leases:
            await finish(store, lease, OK)
    ends = {"cancelled": "cancelled", "deleted": "succeeded"}
    assert await end_of(store, id) == ends.get(how, "failed")


async def test_a_forgotten_dependency_can_still_be_read(store: Namespace) -> None:
    id, jobs = await create(store, spec_of({"a": {}, "b": {"a": "succeeded"}}, retention_ms=0))
    await finish(store, await run(store, jobs["a"]), OK)
    await store.leases.prune(now="99999999999999")
    assert (await store.jobs.delete([jobs["a"]]))[0].result == "moved"
    assert await store.queries.job(jobs["a"]) is None
    found = await store.dependencies.results(jobs["b"])
    assert (found["a"].state, found["a"].result, found["a"].error) == ("succeeded", b'{"ok":true}', None)
    await finish(store, await run(store, jobs["b"]), OK)
    assert await end_of(store, id) == "succeeded"
    await store.groups.forget(id)
    assert not await store.scripts.redis.exists(keys.ended(store.scripts.prefix, id=jobs["a"]))


async def test_jobs_released_in_a_flow_go_before_newer_work_of_their_priority(store: Namespace) -> None:
    _, jobs = await create(store, spec_of({"a": {}, "b": {"a": "succeeded"}}))
    first = await run(store, jobs["a"])
    newer = await factories.submit(store)
    urgent = await factories.submit(store, priority=10)
    await finish(store, first, OK)
    order = [(await claim(store)).leases[0].job.id for _ in range(3)]
    assert order == [urgent, jobs["b"], newer]


async def test_children_are_added_once_however_often_they_are_sent(store: Namespace) -> None:
    parent = await factories.submit(store)
    lease = (await claim(store)).leases[0]
    nodes = {"x": Node(JobSpec("work")), "y": Node(JobSpec("work"), (Edge("x"),))}
    ids = {key: factories.new_id() for key in nodes}
    assert [await store.dependencies.wait_for_children(lease, nodes, ids) for _ in range(3)] == [
        "waiting"
    ] * 3
    assert await state_of(store, parent) == State.BLOCKED
    assert await finish(store, lease, OK) == "stale"
    await finish(store, await run(store, ids["x"]), OK)
    await finish(store, await run(store, ids["y"]), HOPELESS)
    again = await run(store, parent)
    assert again.job.failures == 0
    ends = await store.dependencies.results(parent)
    assert {key: end.state for key, end in ends.items()} == {"x": "succeeded", "y": "dead"}
    # A handler that starts again from the beginning adds the same children.
    assert await store.dependencies.wait_for_children(again, {}, ids) == "ready"
    assert await finish(store, again, OK) == "moved"


async def test_a_worker_that_lost_its_lease_adds_no_children(store: Namespace) -> None:
    await factories.submit(store)
    lease = (await claim(store)).leases[0]
    stale = Lease(lease.job, "1:somebody-else")
    ids = {"x": factories.new_id()}
    assert await store.dependencies.wait_for_children(stale, {"x": Node(JobSpec("work"))}, ids) == "stale"
    assert await state_of(store, ids["x"]) is None


async def test_a_parent_that_is_cancelled_while_it_waits_stays_cancelled(store: Namespace) -> None:
    parent = await factories.submit(store)
    lease = (await claim(store)).leases[0]
    ids = {"x": factories.new_id()}
    await store.dependencies.wait_for_children(lease, {"x": Node(JobSpec("work"))}, ids)
    await store.jobs.cancel([parent], 0)
    await finish(store, await run(store, ids["x"]), OK)
    assert await state_of(store, parent) == State.CANCELLED
    assert (await claim(store)).leases == []


async def test_a_dead_job_may_outlive_its_flow_and_run_again(store: Namespace) -> None:
    id, jobs = await create(store, spec_of({"a": {}, "b": {"a": "succeeded"}}))
    await finish(store, await run(store, jobs["a"]), HOPELESS)
    assert await end_of(store, id) == "failed"
    await store.groups.forget(id)
    assert (await store.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await store.group_tasks.work()
    await finish(store, await run(store, jobs["a"]), OK)
    assert not await store.scripts.redis.exists(keys.group(store.scripts.prefix, group=id))


async def test_a_task_that_redis_refuses_delays_no_other(store: Namespace) -> None:
    id, jobs = await create(store, spec_of({"a": {}, "b": {}}))
    broken = [IDS.new("flow", members=1) for _ in range(AT_MOST + 1)]
    for other in broken:
        await store.scripts.redis.set(keys.group(store.scripts.prefix, group=other), "not a hash")
    tasks = [*(f"cancel {other}" for other in broken), f"fail {id} {jobs['a']}"]
    await store.scripts.redis.zadd(
        keys.tasks(store.scripts.prefix), {task: n for n, task in enumerate(tasks)}
    )
    with pytest.raises(StoreFault):
        await store.group_tasks.work()
    assert await state_of(store, jobs["b"]) is State.CANCELLED
    left = await store.scripts.redis.zrange(keys.tasks(store.scripts.prefix), 0, -1)
    assert [task.decode() for task in left] == tasks[:-1], "the task is kept, for when the data is repaired"
