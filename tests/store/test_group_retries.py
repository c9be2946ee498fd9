"""Retries of flows and fan-outs: which jobs run again, which wait again, and the effect of repeated calls."""

from typing import Any

import pytest

from service.domain.fan_out import MEMBERS, FanOutSpec, Item, follow_up_id, item_id
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.groups import after, create, end, group, job
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, state_of

pytestmark = pytest.mark.anyio
MINUTE = 60_000


async def repeat(stores: Namespace, task: str) -> None:
    """A slower worker repeats a task."""
    await stores.scripts.redis.zadd(keys.tasks(stores.scripts.prefix), {task: 10**6})
    assert await stores.group_tasks.work() == 1


async def leases_of(stores: Namespace, slots: int = 10, kind: str = "work") -> dict[str, Lease]:
    return {lease.job.id: lease for lease in (await claim(stores, slots, types={kind: None})).leases}


async def test_a_retry_that_is_done_twice_runs_no_job_twice(stores: Namespace) -> None:
    id, jobs = await create(stores, {"a": after(), "b": after("a")})
    await end(stores, [jobs["a"]], HOPELESS)
    before = await job(stores, jobs["b"])
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    a, b = await job(stores, jobs["a"]), await job(stores, jobs["b"])
    assert (a.state, a.failures, a.redriven, a.error, a.finished_at) == (State.QUEUED, 0, 1, None, None)
    assert (b.state, b.redriven, b.state_reason) == (State.BLOCKED, 1, None)
    assert b.version > before.version
    await end(stores, [jobs["a"]], HOPELESS)
    await repeat(stores, f"retry {id}")
    assert [await state_of(stores, jobs[key]) for key in "ab"] == [State.DEAD, State.CANCELLED]
    assert (await group(stores, id)).state == "failed"
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    assert (await job(stores, jobs["a"])).redriven == 2


async def test_a_retry_that_can_run_no_job_again_ends_as_before(stores: Namespace) -> None:
    id, jobs = await create(stores, {"a": after(), "b": after("a", when="failed")})
    await end(stores, [jobs["a"]])
    assert (await group(stores, id)).state == "succeeded"
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    assert await state_of(stores, jobs["b"]) == State.CANCELLED
    found = await group(stores, id)
    assert (found.state, found.live) == ("succeeded", False)


async def test_a_redrive_takes_along_only_the_jobs_cancelled_because_of_it(stores: Namespace) -> None:
    nodes = {
        "a": after(),
        "d": after(delay_ms=MINUTE),
        "b": after("a"),
        "c": after("a", "d", when="finished"),
    }
    _, jobs = await create(stores, nodes)
    assert (await stores.jobs.cancel([jobs["c"]], 0))[0].result == "moved"
    await end(stores, [jobs["a"]], HOPELESS)
    assert (await stores.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await stores.group_tasks.work()
    b, c = await job(stores, jobs["b"]), await job(stores, jobs["c"])
    assert (b.state, c.state, c.state_reason) == (State.BLOCKED, State.CANCELLED, "requested")


async def test_a_job_that_has_not_been_released_waits_again_for_one_that_runs_again(
    stores: Namespace,
) -> None:
    nodes = {"a": after(), "d": after(), "both": after("a", "d", when="finished")}
    id, jobs = await create(stores, nodes)
    leases = await leases_of(stores)
    await finish(stores, leases[jobs["a"]], HOPELESS)
    assert (await stores.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await stores.group_tasks.work()
    await finish(stores, leases[jobs["d"]], OK)
    assert await state_of(stores, jobs["both"]) == State.BLOCKED
    await finish(stores, (await leases_of(stores))[jobs["a"]], OK)
    assert await state_of(stores, jobs["both"]) == State.QUEUED
    await end(stores, [jobs["both"]])
    assert (await group(stores, id)).state == "succeeded"


@pytest.mark.parametrize("delay_ms", [0, MINUTE])
@pytest.mark.parametrize("outcome", [None, HOPELESS, OK])
async def test_a_follow_up_waits_again_unless_it_has_begun_or_succeeded(
    stores: Namespace, delay_ms: int, outcome: Any
) -> None:
    id = IDS.new("fan", members=MEMBERS)
    then = JobSpec("report", delay_ms=delay_ms)
    await stores.fan_outs.create(id, FanOutSpec(JobSpec("work"), then), 1, None)
    await stores.fan_outs.add_items(id, [Item(0, b"{}")])
    await stores.fan_outs.seal(id, 1)
    await finish(stores, (await leases_of(stores))[item_id(id, 0)], HOPELESS)
    before = await job(stores, follow_up_id(id))
    assert before.state == (State.SCHEDULED if delay_ms else State.QUEUED)
    if outcome is not None:
        if delay_ms:
            await stores.jobs.run_now(before.id)
        await finish(stores, (await leases_of(stores, kind="report"))[before.id], outcome)
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    then_job = await job(stores, before.id)
    assert then_job.state == (State.SUCCEEDED if outcome is OK else State.BLOCKED)
    assert then_job.redriven == (0 if outcome is OK else 1)
    await finish(stores, (await leases_of(stores))[item_id(id, 0)], OK)
    if outcome is not OK:
        assert await state_of(stores, before.id) == State.QUEUED
        ends = await stores.dependencies.results(before.id)
        assert ends["fan_out"].state == "succeeded"


async def test_a_retry_leaves_unfinished_jobs_alone(stores: Namespace) -> None:
    nodes = {"a": after(), "queued": after(), "later": after(delay_ms=MINUTE), "b": after("queued")}
    id, jobs = await create(stores, nodes)
    await finish(stores, (await claim(stores)).leases[0], HOPELESS)
    alone = [jobs[key] for key in ("queued", "later", "b")]
    before = await stores.queries.jobs(alone)
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    assert await stores.queries.jobs(alone) == before
    assert await state_of(stores, jobs["a"]) == State.QUEUED


async def test_a_follow_up_that_still_waits_is_left_alone(stores: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await stores.fan_outs.create(id, FanOutSpec(JobSpec("work"), JobSpec("report")), 2, None)
    await stores.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    await finish(stores, (await claim(stores)).leases[0], HOPELESS)
    before = await job(stores, follow_up_id(id))
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    assert await job(stores, follow_up_id(id)) == before


async def test_no_job_waits_again_for_one_that_could_not_be_retried(stores: Namespace) -> None:
    nodes = {"a": after(), "d": after(), "never": after("a", when="failed")}
    nodes["last"] = after("never", "d", when="finished")
    id, jobs = await create(stores, nodes)
    leases = await leases_of(stores)
    await finish(stores, leases[jobs["a"]], OK)
    await stores.groups.request_retry(id)
    await stores.group_tasks.work()
    assert await state_of(stores, jobs["never"]) == State.CANCELLED
    await finish(stores, leases[jobs["d"]], OK)
    assert await state_of(stores, jobs["last"]) == State.QUEUED
