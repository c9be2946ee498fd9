"""A new run has as much time as the first one, however it was started and whichever script wrote the job."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.domain.bulk_action import BulkSpec
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, follow_up_id, item_id
from service.domain.flow import FlowSpec, Node, job_ids
from service.domain.job import Job, Lease
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Snoozed
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.children import add_children
from tests.support.factories import DAY, HOPELESS, IDS, claim, finish, submit

pytestmark = pytest.mark.anyio
MINUTE = 60_000
LIMITS: dict[str, Any] = {"expires_ms": MINUTE, "deadline_ms": 5 * MINUTE}
LIMITED = JobSpec("work", **LIMITS)


async def job(store: Namespace, id: str) -> Job:
    found = await store.queries.job(id)
    assert found is not None
    return found


async def by_redrive(store: Namespace, id: str) -> None:
    assert (await store.jobs.redrive([id]))[0].result == "moved"


async def by_retry_of_its_group(store: Namespace, id: str) -> None:
    found = await job(store, id)
    group = found.flow_id or found.fan_out_id
    assert group is not None
    await store.groups.request_retry(group)
    await store.group_tasks.work()


async def by_bulk_action(store: Namespace, id: str) -> None:
    await store.bulk_actions.create(IDS.new("act"), BulkSpec("retry", JobFilter(state=State.DEAD)), None)
    await store.bulk_batches.work()


Again = Callable[[Namespace, str], Awaitable[None]]


async def a_job(store: Namespace) -> str:
    return await submit(store, **LIMITS)


async def of_a_flow(store: Namespace) -> str:
    id, spec = IDS.new("flow", members=1), FlowSpec("flow", {"x": Node(LIMITED)})
    await store.flows.create(id, spec, None)
    return job_ids(id, spec)["x"]


async def of_a_fan_out(store: Namespace) -> str:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(LIMITED), 1, None)
    await store.fan_outs.add_items(id, [Item(0, b"{}")])
    await store.fan_outs.seal(id, 1)
    return item_id(id, 0)


async def a_follow_up(store: Namespace) -> str:
    id = IDS.new("fan", members=MEMBERS)
    await store.fan_outs.create(id, FanOutSpec(JobSpec("item"), LIMITED), 0, None)
    await store.fan_outs.seal(id, 0)
    return follow_up_id(id)


async def a_child(store: Namespace) -> str:
    await submit(store)
    return (await add_children(store, (await claim(store)).leases[0], {"x": Node(LIMITED)}))["x"]


async def replacing(store: Namespace) -> str:
    unique: Any = {"unique": Unique("k", "finished", "replace")}
    await submit(store, deadline_ms=DAY, **unique)
    return await submit(store, **LIMITS, **unique)


async def run_of(store: Namespace, id: str) -> Lease:
    return next(lease for lease in (await claim(store, 5)).leases if lease.job.id == id)


@pytest.mark.parametrize(
    ("make", "again"),
    [
        (a_job, by_redrive),
        (a_job, by_bulk_action),
        (of_a_flow, by_redrive),
        (of_a_flow, by_retry_of_its_group),
        (of_a_fan_out, by_redrive),
        (of_a_fan_out, by_retry_of_its_group),
        (a_follow_up, by_redrive),
        (a_child, by_redrive),
        (replacing, by_redrive),
    ],
)
@pytest.mark.parametrize("reason", ["expired", "deadline"])
async def test_a_new_run_gets_its_full_time_again(
    store: Namespace, at: int, make: Callable[[Namespace], Awaitable[str]], again: Again, reason: str
) -> None:
    id = await make(store)
    await finish(store, await run_of(store, id), HOPELESS)
    store.scripts.now = str(at + DAY)
    await again(store, id)
    renewed = await job(store, id)
    assert (renewed.state, renewed.state_reason) == (State.QUEUED, None)
    assert (renewed.expires_ms, renewed.deadline_ms) == (MINUTE, 5 * MINUTE)
    assert (renewed.expires_at, renewed.deadline_at) == (at + DAY + MINUTE, at + DAY + 5 * MINUTE)
    lasts = MINUTE
    if reason == "deadline":
        lease = await run_of(store, id)
        assert lease.job.deadline_at == at + DAY + 5 * MINUTE
        await finish(store, lease, Snoozed(DAY))
        lasts = 5 * MINUTE
    await store.leases.expire_jobs(now=str(at + DAY + lasts - 1))
    assert (await job(store, id)).state in (State.QUEUED, State.SCHEDULED)
    await store.leases.expire_jobs(now=str(at + DAY + lasts))
    ended = await job(store, id)
    assert (ended.state, ended.state_reason) == (State.DEAD, reason)


async def test_a_delayed_new_run_has_its_time_from_its_start(store: Namespace, at: int) -> None:
    id = await a_job(store)
    await finish(store, await run_of(store, id), HOPELESS)
    await store.jobs.redrive([id], DAY)
    later = await job(store, id)
    assert (later.expires_at, later.deadline_at) == (at + DAY + MINUTE, at + DAY + 5 * MINUTE)


async def test_running_now_and_other_changes_do_not_count_as_a_new_run(store: Namespace, at: int) -> None:
    id = await submit(store, delay_ms=MINUTE - 1, **LIMITS)
    store.scripts.now = str(at + 1_000)
    await store.jobs.update(id, priority=1)
    await store.jobs.run_now(id)
    found = await job(store, id)
    assert (found.expires_at, found.deadline_at) == (at + MINUTE, at + 5 * MINUTE)
