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


async def repeat(store: Namespace, task: str) -> None:
    """A slower worker repeats a task."""
    await store.scripts.redis.zadd(keys.tasks(store.scripts.prefix), {task: 10**6})
    assert await store.group_tasks.work() == 1


async def leases_of(store: Namespace, slots: int = 10, kind: str = "work") -> dict[str, Lease]:
    return {lease.job.id: lease for lease in (await claim(store, slots, types={kind: None})).leases}


async def test_a_retry_that_is_done_twice_runs_no_job_twice(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after(), "b": after("a")})
    await end(store, [jobs["a"]], HOPELESS)
    before = await job(store, jobs["b"])
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    a, b = await job(store, jobs["a"]), await job(store, jobs["b"])
    assert (a.state, a.failures, a.redriven, a.error, a.finished_at) == (State.QUEUED, 0, 1, None, None)
    assert (b.state, b.redriven, b.state_reason) == (State.BLOCKED, 1, None)
    assert b.version > before.version
    await end(store, [jobs["a"]], HOPELESS)
    await repeat(store, f"retry {id}")
    assert [await state_of(store, jobs[key]) for key in "ab"] == [State.DEAD, State.CANCELLED]
    assert (await group(store, id)).state == "failed"
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    assert (await job(store, jobs["a"])).redriven == 2


async def test_a_retry_that_can_run_no_job_again_ends_as_before(store: Namespace) -> None:
    id, jobs = await create(store, {"a": after(), "b": after("a", when="failed")})
    await end(store, [jobs["a"]])
    assert (await group(store, id)).state == "succeeded"
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    assert await state_of(store, jobs["b"]) == State.CANCELLED
    found = await group(store, id)
    assert (found.state, found.live) == ("succeeded", False)


async def test_a_redrive_takes_along_only_the_jobs_cancelled_because_of_it(store: Namespace) -> None:
    nodes = {
        "a": after(),
        "d": after(delay_ms=MINUTE),
        "b": after("a"),
        "c": after("a", "d", when="finished"),
    }
    _, jobs = await create(store, nodes)
    assert (await store.jobs.cancel([jobs["c"]], 0))[0].result == "moved"
    await end(store, [jobs["a"]], HOPELESS)
    assert (await store.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await store.group_tasks.work()
    b, c = await job(store, jobs["b"]), await job(store, jobs["c"])
    assert (b.state, c.state, c.state_reason) == (State.BLOCKED, State.CANCELLED, "requested")


async def test_a_job_that_has_not_been_released_waits_again_for_one_that_runs_again(
    store: Namespace,
) -> None:
    nodes = {"a": after(), "d": after(), "both": after("a", "d", when="finished")}
    id, jobs = await create(store, nodes)
    leases = await leases_of(store)
    await finish(store, leases[jobs["a"]], HOPELESS)
    assert (await store.jobs.redrive([jobs["a"]]))[0].result == "moved"
    await store.group_tasks.work()
    await finish(store, leases[jobs["d"]], OK)
    assert await state_of(store, jobs["both"]) == State.BLOCKED
    await finish(store, (await leases_of(store))[jobs["a"]], OK)
    assert await state_of(store, jobs["both"]) == State.QUEUED
    await end(store, [jobs["both"]])
    assert (await group(store, id)).state == "succeeded"


@pytest.mark.parametrize("delay_ms", [0, MINUTE])
@pytest.mark.parametrize("outcome", [None, HOPELESS, OK])
async def test_a_follow_up_waits_again_unless_it_has_begun_or_succeeded(
    store: Namespace, delay_ms: int, outcome: Any
) -> None:
    id = IDS.new("fan", members=MEMBERS)
    then = JobSpec("report", delay_ms=delay_ms)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), then), 1, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}")])
    await store.fan_outs.seal(id, 1)
    await finish(store, (await leases_of(store))[item_id(id, 0)], HOPELESS)
    before = await job(store, follow_up_id(id))
    assert before.state == (State.SCHEDULED if delay_ms else State.QUEUED)
    if outcome is not None:
        if delay_ms:
            await store.jobs.run_now(before.id)
        await finish(store, (await leases_of(store, kind="report"))[before.id], outcome)
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    then_job = await job(store, before.id)
    assert then_job.state == (State.SUCCEEDED if outcome is OK else State.BLOCKED)
    assert then_job.redriven == (0 if outcome is OK else 1)
    await finish(store, (await leases_of(store))[item_id(id, 0)], OK)
    if outcome is not OK:
        assert await state_of(store, before.id) == State.QUEUED
        ends = await store.dependencies.results(before.id)
        assert ends["fan_out"].state == "succeeded"


async def test_a_retry_leaves_unfinished_jobs_alone(store: Namespace) -> None:
    nodes = {"a": after(), "queued": after(), "later": after(delay_ms=MINUTE), "b": after("queued")}
    id, jobs = await create(store, nodes)
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    alone = [jobs[key] for key in ("queued", "later", "b")]
    before = await store.queries.jobs(alone)
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    assert await store.queries.jobs(alone) == before
    assert await state_of(store, jobs["a"]) == State.QUEUED


async def test_a_follow_up_that_still_waits_is_left_alone(store: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("work"), JobSpec("report")), 2, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}"), Item(1, b"{}")])
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    before = await job(store, follow_up_id(id))
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    assert await job(store, follow_up_id(id)) == before


async def test_no_job_waits_again_for_one_that_could_not_be_retried(store: Namespace) -> None:
    nodes = {"a": after(), "d": after(), "never": after("a", when="failed")}
    nodes["last"] = after("never", "d", when="finished")
    id, jobs = await create(store, nodes)
    leases = await leases_of(store)
    await finish(store, leases[jobs["a"]], OK)
    await store.groups.request_retry(id)
    await store.group_tasks.work()
    assert await state_of(store, jobs["never"]) == State.CANCELLED
    await finish(store, leases[jobs["d"]], OK)
    assert await state_of(store, jobs["last"]) == State.QUEUED
