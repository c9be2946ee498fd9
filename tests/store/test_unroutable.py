"""Jobs of a type that no worker knows are buried after a while, but never because of a deploy or outage."""

from typing import Any

import pytest

from service.domain.flow import Edge, FlowSpec, Node, job_ids
from service.domain.job_spec import JobSpec
from service.domain.limits import RateLimit
from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.factories import IDS, claim, finish, limit, register_worker, state_of, submit

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000
MINUTE = 60_000
AFTER = 60 * MINUTE
VOID = 3 * MINUTE


@pytest.fixture
async def frozen(store: Namespace) -> Namespace:
    """A namespace at START, with a worker that does not know the type `work`."""
    store.scripts.now = str(START)
    await register_worker(store, id="wk_other", job_types=("other",))
    return store


async def check(store: Namespace, ms: int, at_most: int = 200) -> int:
    store.scripts.now = str(START + ms)
    return await store.leases.bury_unroutable(AFTER, VOID, at_most)


async def checks(store: Namespace, begin: int, end: int) -> int:
    """One check in each minute from `begin` to `end` (ms, inclusive): how many jobs each one buried."""
    return sum([await check(store, ms) for ms in range(begin, end + 1, MINUTE)])


async def test_an_unroutable_job_is_dead_after_the_time_and_not_before(frozen: Namespace) -> None:
    id, other = await submit(frozen), await submit(frozen, name="other")
    assert await checks(frozen, 0, AFTER - MINUTE) == 0
    assert await check(frozen, AFTER - 1) == 0
    assert await state_of(frozen, id) == State.QUEUED
    assert await check(frozen, AFTER) == 1
    job = await frozen.queries.job(id)
    assert job is not None
    assert (job.state, job.state_reason, job.failures) == (State.DEAD, "unroutable", 0)
    assert await state_of(frozen, other) == State.QUEUED
    redis: Any = frozen.scripts.redis
    assert await redis.hget(f"{frozen.scripts.prefix}dead", "unroutable:default") == b"1"


async def test_the_time_of_a_job_begins_when_it_is_queued(frozen: Namespace) -> None:
    await submit(frozen)
    await checks(frozen, 0, AFTER - MINUTE)
    young = await submit(frozen)
    assert await checks(frozen, AFTER, 2 * AFTER - 2 * MINUTE) == 1
    assert await state_of(frozen, young) == State.QUEUED
    assert await check(frozen, 2 * AFTER - MINUTE) == 1


async def test_a_rolling_deploy_buries_nothing(frozen: Namespace) -> None:
    """No worker knows the type between the old worker's end and the new one's start."""
    old = await register_worker(frozen)
    await limit(frozen, max_concurrency=1)
    ids = [await submit(frozen) for _ in range(3)]
    assert await checks(frozen, 0, 3 * AFTER) == 0
    await frozen.workers.deregister(old)
    assert await checks(frozen, 3 * AFTER + MINUTE, 4 * AFTER - MINUTE) == 0
    new = await register_worker(frozen)
    assert await checks(frozen, 4 * AFTER, 4 * AFTER + MINUTE) == 0
    await frozen.workers.deregister(new)
    assert await checks(frozen, 4 * AFTER + 2 * MINUTE, 5 * AFTER + MINUTE) == 0
    assert {await state_of(frozen, id) for id in ids} == {State.QUEUED}


async def test_a_worker_that_no_check_has_seen_counts_as_well(frozen: Namespace) -> None:
    id = await submit(frozen)
    await checks(frozen, 0, AFTER - MINUTE)
    await frozen.workers.deregister(await register_worker(frozen))
    assert await checks(frozen, AFTER, 2 * AFTER - MINUTE) == 0
    assert await state_of(frozen, id) == State.QUEUED
    assert await check(frozen, 2 * AFTER) == 1


@pytest.mark.parametrize("fields", [{"state": "draining"}, {"queues": {"elsewhere": 1}}, {"seen_at": 1_000}])
async def test_a_worker_counts_as_long_as_it_is_registered(frozen: Namespace, fields: dict[str, Any]) -> None:
    await register_worker(frozen, job_types=("other", "work"), **fields)
    await submit(frozen)
    assert await checks(frozen, 0, 2 * AFTER) == 0


async def test_after_a_time_without_checks_the_wait_begins_again(frozen: Namespace) -> None:
    """All workers were down, or Redis was: a worker that knows the type may be about to start."""
    await submit(frozen)
    await check(frozen, 0)
    assert await checks(frozen, 9 * AFTER, 10 * AFTER - MINUTE) == 0
    assert await check(frozen, 10 * AFTER) == 1


async def test_paused_jobs_are_left_alone(frozen: Namespace) -> None:
    await submit(frozen)
    await frozen.queues.pause_job_type("default", "work", paused=True)
    assert await checks(frozen, 0, 2 * AFTER) == 0
    await frozen.queues.pause_job_type("default", "work", paused=False)
    await limit(frozen, paused=True)
    assert await checks(frozen, 2 * AFTER + MINUTE, 4 * AFTER) == 0


async def test_jobs_with_limit_keys_and_in_a_queue_whose_rate_is_used_up(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 10 * AFTER))
    await submit(frozen, name="other")
    assert len((await claim(frozen, types={"other": None})).leases) == 1
    ids = [await submit(frozen, limit_key=key) for key in (None, "acme", "ajax")]
    await submit(frozen, name="other")
    assert (await claim(frozen, types={"other": None})).leases == []
    assert await checks(frozen, 0, AFTER) == 3
    assert {await state_of(frozen, id) for id in ids} == {State.DEAD}


async def test_many_jobs_are_buried_in_batches(frozen: Namespace) -> None:
    for _ in range(5):
        await submit(frozen)
    await checks(frozen, 0, AFTER - MINUTE)
    assert [await check(frozen, AFTER, at_most=2) for _ in range(4)] == [2, 2, 1, 0]


async def test_a_job_that_has_run_before_is_buried_and_a_redrive_gets_the_time_again(
    frozen: Namespace,
) -> None:
    id = await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], Interrupted())
    assert await checks(frozen, 0, AFTER) == 1
    assert [moved.result for moved in await frozen.jobs.redrive([id], 0)] == ["moved"]
    assert await checks(frozen, AFTER + MINUTE, 2 * AFTER - MINUTE) == 0
    assert await checks(frozen, 2 * AFTER, 2 * AFTER + MINUTE) == 1


async def test_its_flow_ends_as_after_any_other_burial(frozen: Namespace) -> None:
    nodes = {"first": Node(JobSpec("work")), "then": Node(JobSpec("other"), (Edge("first"),))}
    spec = FlowSpec("flow", nodes)
    flow = IDS.new("flow", members=2)
    await frozen.flows.create(flow, spec, None)
    assert await checks(frozen, 0, AFTER) == 1
    await frozen.group_tasks.work()
    assert await state_of(frozen, job_ids(flow, spec)["then"]) == State.CANCELLED
    group = await frozen.groups.get(flow)
    assert group is not None
    assert group.state == "failed"
