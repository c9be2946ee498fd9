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


async def test_a_thousand_dependents_are_released_by_one_end(stores: Namespace) -> None:
    edges: dict[str, dict[str, When]] = {"root": {}, **{f"j{n}": {"root": "succeeded"} for n in range(1_000)}}
    edges["last"] = dict.fromkeys((f"j{n}" for n in range(1_000)), "finished")
    id, jobs = await create(stores, spec_of(edges))
    await finish(stores, await run(stores, jobs["root"]), OK)
    tasks = await stores.scripts.redis.zrange(keys.tasks(stores.scripts.prefix), 0, -1)
    assert f"notify {jobs['root']}".encode() in tasks
    await stores.group_tasks.work()
    leases = [lease for _ in range(6) for lease in (await claim(stores, 200)).leases]
    assert len(leases) == 1_000
    for start in range(0, 1_000, 500):
        await stores.leases.finish([factories.ending(lease, OK) for lease in leases[start : start + 500]])
    await finish(stores, await run(stores, jobs["last"]), OK)
    assert await end_of(stores, id) == "succeeded"


async def test_a_failure_goes_down_a_chain_of_a_thousand(stores: Namespace) -> None:
    edges: dict[str, dict[str, When]] = {
        f"j{n}": {f"j{n - 1}": "succeeded"} if n else {} for n in range(1_000)
    }
    id, jobs = await create(stores, spec_of(edges))
    await finish(stores, await run(stores, jobs["j0"]), HOPELESS)
    assert await end_of(stores, id) == "failed"
    last = await stores.queries.job(jobs["j999"])
    assert last is not None
    assert (last.state, last.state_reason) == (State.CANCELLED, "dependency")


async def test_two_dependencies_that_finish_at_once_release_their_dependent_once(stores: Namespace) -> None:
    for _ in range(20):
        id, jobs = await create(
            stores, spec_of({"a": {}, "b": {}, "c": {"a": "succeeded", "b": "succeeded"}})
        )
        leases = (await claim(stores, 2)).leases
        await asyncio.gather(*(finish(stores, lease, OK) for lease in leases))
        await finish(stores, await run(stores, jobs["c"]), OK)
        assert await end_of(stores, id) == "succeeded"


async def test_a_repeated_finish_releases_no_job_early(stores: Namespace) -> None:
    _, jobs = await create(stores, spec_of({"a": {}, "b": {}, "c": {"a": "succeeded", "b": "succeeded"}}))
    leases = (await claim(stores, 2)).leases
    for _ in range(3):
        await finish(stores, leases[0], OK)
        await stores.scripts.run("notify_dependents", [leases[0].job.id, 0])
    assert await state_of(stores, jobs["c"]) == State.BLOCKED
    await finish(stores, leases[1], OK)
    assert await state_of(stores, jobs["c"]) == State.QUEUED


ENDS = {
    "exhausted": (State.CANCELLED, State.QUEUED),
    "poison": (State.CANCELLED, State.QUEUED),
    "expired": (State.CANCELLED, State.QUEUED),
    "deadline": (State.CANCELLED, State.QUEUED),
    "cancelled": (State.CANCELLED, State.CANCELLED),
    "deleted": (State.QUEUED, State.CANCELLED),
}


@pytest.mark.parametrize("how", ENDS)
async def test_every_outcome_reaches_the_dependents(stores: Namespace, how: str) -> None:
    limits = {"expired": {"expires_ms": 1_000}, "deadline": {"deadline_ms": 1_000}}.get(how, {})
    edges: dict[str, dict[str, When]] = {
        "a": {},
        "on_success": {"a": "succeeded"},
        "on_failure": {"a": "failed"},
        "after": {"a": "finished"},
    }
    spec = spec_of(edges)
    spec.nodes["a"] = Node(JobSpec("work", **limits))  # type: ignore[index]
    id, jobs = await create(stores, spec)
    if how == "cancelled":
        await stores.jobs.cancel([jobs["a"]], 0)
    elif how in ("expired", "deadline"):
        at = (await stores.queries.job(jobs["a"])).created_at + 1_001  # type: ignore[union-attr]
        await stores.leases.expire_jobs(now=str(at))
    elif how == "poison":
        for _ in range(3):
            await finish(stores, await run(stores, jobs["a"]), Crashed(Failure("Died", "died")))
    else:
        await finish(stores, await run(stores, jobs["a"]), HOPELESS if how == "exhausted" else OK)
    if how == "deleted":
        assert (await stores.jobs.delete([jobs["a"]]))[0].result == "moved"
    states = [await state_of(stores, jobs[key]) for key in ("on_success", "on_failure", "after")]
    assert states == [*ENDS[how], State.QUEUED]
    while leases := (await claim(stores, 10)).leases:
        for lease in leases:
            await finish(stores, lease, OK)
    ends = {"cancelled": "cancelled", "deleted": "succeeded"}
    assert await end_of(stores, id) == ends.get(how, "failed")


async def test_a_forgotten_dependency_can_still_be_read(stores: Namespace) -> None:
    id, jobs = await create(stores, spec_of({"a": {}, "b": {"a": "succeeded"}}, retention_ms=0))
    await finish(stores, await run(stores, jobs["a"]), OK)
    await stores.leases.prune(now="99999999999999")
    assert (await stores.jobs.delete([jobs["a"]]))[0].result == "moved"
    assert await stores.queries.job(jobs["a"]) is None
    found = await stores.dependencies.results(jobs["b"])
    assert (found["a"].state, found["a"].result, found["a"].error) == ("succeeded", b'{"ok":true}', None)
    await finish(stores, await run(stores, jobs["b"]), OK)
    assert await end_of(stores, id) == "succeeded"
    await stores.groups.forget(id)
    assert not await stores.scripts.redis.exists(keys.ended(stores.scripts.prefix, id=jobs["a"]))


async def test_jobs_released_in_a_flow_go_before_newer_work_of_their_priority(stores: Namespace) -> None:
    _, jobs = await create(stores, spec_of({"a": {}, "b": {"a": "succeeded"}}))
    first = await run(stores, jobs["a"])
    newer = await factories.submit(stores)
    urgent = await factories.submit(stores, priority=10)
    await finish(stores, first, OK)
    order = [(await claim(stores)).leases[0].job.id for _ in range(3)]
    assert order == [urgent, jobs["b"], newer]


async def test_children_are_added_once_however_often_they_are_sent(stores: Namespace) -> None:
    parent = await factories.submit(stores)
    lease = (await claim(stores)).leases[0]
    nodes = {"x": Node(JobSpec("work")), "y": Node(JobSpec("work"), (Edge("x"),))}
    ids = {key: factories.new_id() for key in nodes}
    assert [await stores.dependencies.wait_for_children(lease, nodes, ids) for _ in range(3)] == [
        "waiting"
    ] * 3
    assert await state_of(stores, parent) == State.BLOCKED
    assert await finish(stores, lease, OK) == "stale"
    await finish(stores, await run(stores, ids["x"]), OK)
    await finish(stores, await run(stores, ids["y"]), HOPELESS)
    again = await run(stores, parent)
    assert again.job.failures == 0
    ends = await stores.dependencies.results(parent)
    assert {key: end.state for key, end in ends.items()} == {"x": "succeeded", "y": "dead"}
    # A handler that starts again from the beginning adds the same children.
    assert await stores.dependencies.wait_for_children(again, {}, ids) == "ready"
    assert await finish(stores, again, OK) == "moved"


async def test_a_worker_that_lost_its_lease_adds_no_children(stores: Namespace) -> None:
    await factories.submit(stores)
    lease = (await claim(stores)).leases[0]
    stale = Lease(lease.job, "1:somebody-else")
    ids = {"x": factories.new_id()}
    assert await stores.dependencies.wait_for_children(stale, {"x": Node(JobSpec("work"))}, ids) == "stale"
    assert await state_of(stores, ids["x"]) is None


async def test_a_parent_that_is_cancelled_while_it_waits_stays_cancelled(stores: Namespace) -> None:
    parent = await factories.submit(stores)
    lease = (await claim(stores)).leases[0]
    ids = {"x": factories.new_id()}
    await stores.dependencies.wait_for_children(lease, {"x": Node(JobSpec("work"))}, ids)
    await stores.jobs.cancel([parent], 0)
    await finish(stores, await run(stores, ids["x"]), OK)
    assert await state_of(stores, parent) == State.CANCELLED
    assert (await claim(stores)).leases == []


async def test_a_dead_job_may_outlive_its_flow_and_run_again(stores: Namespace) -> None:
    id, jobs = await create(stores, spec_of({"a": {}, "b": {"a": "succeeded"}}))
    await finish(stores, await run(stores, jobs["a"]), HOPELESS)
    assert await end_of(stores, id) == "failed"
    await stores.groups.forget(id)
    assert (await stores.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await stores.group_tasks.work()
    await finish(stores, await run(stores, jobs["a"]), OK)
    assert not await stores.scripts.redis.exists(keys.group(stores.scripts.prefix, group=id))


async def test_a_task_that_redis_refuses_delays_no_other(stores: Namespace) -> None:
    id, jobs = await create(stores, spec_of({"a": {}, "b": {}}))
    broken = [IDS.new("flow", members=1) for _ in range(AT_MOST + 1)]
    for other in broken:
        await stores.scripts.redis.set(keys.group(stores.scripts.prefix, group=other), "not a hash")
    tasks = [*(f"cancel {other}" for other in broken), f"fail {id} {jobs['a']}"]
    await stores.scripts.redis.zadd(
        keys.tasks(stores.scripts.prefix), {task: n for n, task in enumerate(tasks)}
    )
    with pytest.raises(StoreFault):
        await stores.group_tasks.work()
    assert await state_of(stores, jobs["b"]) is State.CANCELLED
    left = await stores.scripts.redis.zrange(keys.tasks(stores.scripts.prefix), 0, -1)
    assert [task.decode() for task in left] == tasks[:-1], "the task is kept, for when the data is repaired"
