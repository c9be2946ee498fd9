"""Bulk actions: the rate is kept, they can be stopped, no job is acted upon twice, whoever dies when."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from service.clock import Clock
from service.domain.bulk_action import FASTEST, PORTION, BulkAction, BulkSpec, batch_rate
from service.domain.errors import InvalidState, StorageFull
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec, Unique
from service.domain.states import State
from service.store.bulk.portions import TAKEN_MS
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.support.factories import (
    DAY,
    HOPELESS,
    IDS,
    blocked,
    claim,
    finish,
    job_in,
    new_id,
    register_worker,
    state_of,
    submit,
)

pytestmark = pytest.mark.anyio

BEGIN = Clock().now_ms()
QUEUED = BulkSpec("cancel", JobFilter(queue="default", state=State.QUEUED))
DEAD = BulkSpec("retry", JobFilter(state=State.DEAD))


@pytest.fixture
async def frozen(stores: Namespace) -> AsyncIterator[Namespace]:
    """Time stands still unless a test moves it."""
    stores.scripts.now = str(BEGIN)
    yield stores
    stores.scripts.now = ""


def move_time(stores: Namespace, ms: int) -> None:
    stores.scripts.now = str(int(stores.scripts.now) + ms)


async def begin(stores: Namespace, spec: BulkSpec) -> str:
    return (await stores.bulk_actions.begin(IDS.new("act"), spec, None)).action.id


async def read(stores: Namespace, id: str) -> BulkAction:
    action = await stores.bulk_actions.get(id)
    assert action is not None
    return action


async def drain(stores: Namespace, id: str, step: int = 20) -> BulkAction:
    """Work until the action has ended; time moves by a step whenever nothing is due."""
    while (action := await read(stores, id)).live:
        if await stores.bulk_batches.work() != 0:
            move_time(stores, step)
    return action


async def many(stores: Namespace, count: int, **fields: Any) -> list[str]:
    given: Any = {"name": "work", **fields}
    spec = JobSpec(**given)
    answers = await stores.jobs.submit([Submission(new_id(), spec) for _ in range(count)])
    return [answer.job_id for answer in answers]


async def bury(stores: Namespace, count: int, **fields: Any) -> list[str]:
    """Dead jobs: they expire before anybody starts them."""
    ids = await many(stores, count, expires_ms=1, **fields)
    move_time(stores, 1)
    while await stores.leases.sweep(500) != (0, None):
        pass
    return ids


async def states(stores: Namespace, ids: list[str]) -> Counter[str | None]:
    jobs = await stores.queries.outlines(ids)
    return Counter(None if job is None else str(job.state) for job in jobs)


async def redrives(stores: Namespace, ids: list[str]) -> Counter[int]:
    return Counter(0 if job is None else job.redriven for job in await stores.queries.jobs(ids))


async def test_thousands_of_dead_jobs_run_again_once_each(frozen: Namespace) -> None:
    ids = await bury(frozen, 3_000)
    untouched = await many(frozen, 5)
    action = await drain(frozen, await begin(frozen, DEAD))
    assert (action.state, action.succeeded, action.skipped) == ("succeeded", 3_000, 0)
    assert await states(frozen, ids) == {"queued": 3_000}
    assert await redrives(frozen, ids) == {1: 3_000}
    assert await redrives(frozen, untouched) == {0: 5}


async def test_two_keepers_at_once_do_nothing_twice(frozen: Namespace) -> None:
    ids = await bury(frozen, 2_000)
    id = await begin(frozen, DEAD)

    async def keep() -> None:
        while (await read(frozen, id)).live:
            if await frozen.bulk_batches.work() != 0:
                # The other one may have it for seconds: nobody waits for the clock.
                move_time(frozen, TAKEN_MS)

    await asyncio.gather(*[keep() for _ in range(4)])
    assert (await read(frozen, id)).succeeded == 2_000
    assert await redrives(frozen, ids) == {1: 2_000}


@pytest.mark.parametrize("spec", [DEAD, replace(DEAD, verb="delete")], ids=["retry", "delete"])
async def test_a_portion_that_is_sent_again_by_a_late_keeper_changes_nothing(
    frozen: Namespace, spec: BulkSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await bury(frozen, PORTION + 20)
    id = await begin(frozen, spec)
    sent: list[tuple[str, list[Any]]] = []
    run = frozen.scripts.run

    async def record(name: str, arguments: Any, now: str = "") -> Any:
        if name in ("requeue", "prune"):
            sent.append((name, list(arguments)))
        return await run(name, arguments, now)

    monkeypatch.setattr(frozen.scripts, "run", record)
    assert await frozen.bulk_batches.work() == 0
    before = await read(frozen, id)
    assert before.succeeded == PORTION
    # The jobs have ended again meanwhile; the late keeper knows nothing of it.
    move_time(frozen, 10_000)
    if spec.verb == "retry":
        await frozen.jobs.cancel(ids, 0)
    await run(*sent[0])
    assert await read(frozen, id) == before
    action = await drain(frozen, id)
    assert (action.succeeded, action.state) == (PORTION + 20, "succeeded")


@pytest.mark.parametrize("dies", ["before its portion", "after its portion"])
async def test_a_keeper_that_dies_is_followed_by_another(
    frozen: Namespace, dies: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await bury(frozen, 450)
    id = await begin(frozen, DEAD)
    await frozen.bulk_batches.work()
    move_time(frozen, 20)
    redrive = frozen.jobs.redrive

    async def killed(*arguments: Any, **options: Any) -> Any:
        if dies == "after its portion":
            await redrive(*arguments, **options)
        raise asyncio.CancelledError

    monkeypatch.setattr(frozen.jobs, "redrive", killed)
    with pytest.raises(asyncio.CancelledError):
        await frozen.bulk_batches.work()
    monkeypatch.undo()
    wait = await frozen.bulk_batches.work()
    assert wait is not None
    assert wait == (TAKEN_MS if dies == "before its portion" else 20)
    assert (await drain(frozen, id, wait)).succeeded == 450
    assert await redrives(frozen, ids) == {1: 450}


@pytest.mark.parametrize("rate", [1, 7, 250, 1_000])
async def test_no_second_holds_more_jobs_than_the_rate_whoever_works(frozen: Namespace, rate: int) -> None:
    await many(frozen, min(3 * rate, 1_500))
    id = await begin(frozen, replace(QUEUED, rate_per_second=rate))
    history: list[tuple[int, int]] = []
    done = 0
    while (await read(frozen, id)).live:
        await asyncio.gather(*[frozen.bulk_batches.work() for _ in range(3)])
        succeeded = (await read(frozen, id)).succeeded
        history.append((int(frozen.scripts.now), succeeded - done))
        done = succeeded
        move_time(frozen, 5)
    assert done == min(3 * rate, 1_500)
    for start, _ in history:
        assert sum(jobs for at, jobs in history if start <= at < start + 1_000) <= rate
    # It is not slower than that either.
    took = history[-1][0] - history[0][0]
    assert took <= done / rate * 1_000 * 1.1 + 1_000


def test_a_pace_never_exceeds_its_rate_and_comes_near_it() -> None:
    assert batch_rate(0.1) == (1, 10_000)
    assert batch_rate(1.5) == (1, 1_000)
    assert batch_rate(None) == batch_rate(FASTEST) == (PORTION, 20)
    for rate in range(1, FASTEST + 1):
        jobs, ms = batch_rate(rate)
        portions = -(-1_000 // ms)
        assert jobs <= PORTION
        assert jobs * portions <= rate
        assert jobs * 1_000 / ms >= rate * 0.95, rate


async def test_what_is_cancelled_stops_at_once_and_stays_stopped(frozen: Namespace) -> None:
    ids = await bury(frozen, 500)
    id = await begin(frozen, DEAD)
    await frozen.bulk_batches.work()
    for _ in range(2):
        await frozen.bulk_actions.set_state(id, "cancelled")
    for to in ("paused", "running"):
        with pytest.raises(InvalidState) as refused:
            await frozen.bulk_actions.set_state(id, to)
        assert refused.value.current_state == "cancelled"
    move_time(frozen, TAKEN_MS)
    assert await frozen.bulk_batches.work() is None
    action = await read(frozen, id)
    assert (action.state, action.succeeded, action.finished_at is not None) == ("cancelled", PORTION, True)
    assert await states(frozen, ids) == {"queued": PORTION, "dead": 500 - PORTION}


async def test_what_is_paused_goes_on_where_it_was(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await many(frozen, 300)
    id = await begin(frozen, QUEUED)
    cancel = frozen.jobs.cancel

    async def pause_first(*arguments: Any, **options: Any) -> Any:
        await frozen.bulk_actions.set_state(id, "paused")
        return await cancel(*arguments, **options)

    await frozen.bulk_batches.work()
    move_time(frozen, 20)
    monkeypatch.setattr(frozen.jobs, "cancel", pause_first)
    # The pause comes between the choice of the jobs and the call that cancels them.
    await frozen.bulk_batches.work()
    monkeypatch.undo()
    move_time(frozen, TAKEN_MS)
    assert await frozen.bulk_batches.work() is None
    assert await states(frozen, ids) == {"cancelled": PORTION, "queued": 200}
    for _ in range(2):
        await frozen.bulk_actions.set_state(id, "running")
    assert (await drain(frozen, id)).succeeded == 300
    with pytest.raises(InvalidState):
        await frozen.bulk_actions.set_state(id, "running")


async def test_jobs_that_come_later_are_left_alone(frozen: Namespace) -> None:
    await many(frozen, 150)
    id = await begin(frozen, QUEUED)
    move_time(frozen, 1)
    later = await many(frozen, 50)
    assert (await drain(frozen, id)).succeeded == 150
    assert await states(frozen, later) == {"queued": 50}


async def test_a_job_that_dies_again_at_once_is_not_retried_again(frozen: Namespace) -> None:
    old = await bury(frozen, 1)
    alive = await submit(frozen)
    ids = await bury(frozen, PORTION)
    id = await begin(frozen, DEAD)
    move_time(frozen, 1)
    # This one dies when the action has begun, and comes behind what is done first.
    lease = (await claim(frozen)).leases[0]
    assert lease.job.id == alive
    await finish(frozen, lease, HOPELESS)
    await frozen.bulk_batches.work()
    for lease in (await claim(frozen, PORTION)).leases:
        await finish(frozen, lease, HOPELESS)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (PORTION + 1, 0)
    assert await redrives(frozen, [*old, alive, *ids]) == {0: 1, 1: PORTION + 1}


async def test_a_job_that_changes_after_it_was_chosen_is_skipped(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await many(frozen, 3)
    id = await begin(frozen, QUEUED)
    cancel = frozen.jobs.cancel

    async def start_first(*arguments: Any, **options: Any) -> Any:
        await claim(frozen)
        return await cancel(*arguments, **options)

    monkeypatch.setattr(frozen.jobs, "cancel", start_first)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (2, 1)
    assert await states(frozen, ids) == {"cancelled": 2, "running": 1}


async def test_a_job_that_was_retried_by_hand_and_died_again_after_it_was_chosen_is_skipped(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await bury(frozen, 2)
    id = await begin(frozen, DEAD)
    move_time(frozen, 1)
    redrive = frozen.jobs.redrive

    async def by_hand_first(*arguments: Any, **options: Any) -> Any:
        await redrive([ids[0]])
        await finish(frozen, (await claim(frozen)).leases[0], HOPELESS)
        return await redrive(*arguments, **options)

    monkeypatch.setattr(frozen.jobs, "redrive", by_hand_first)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (1, 1)
    assert await redrives(frozen, ids) == {1: 2}
    assert await states(frozen, ids) == {"dead": 1, "queued": 1}


async def test_a_running_job_is_asked_as_by_a_single_cancel(frozen: Namespace) -> None:
    running, _ = await job_in(frozen, State.RUNNING)
    waiting = [await submit(frozen, delay_ms=60_000), await blocked(frozen)]
    finished, _ = await job_in(frozen, State.SUCCEEDED)
    action = await drain(frozen, await begin(frozen, BulkSpec("cancel", JobFilter(name="work"))))
    assert (action.succeeded, action.skipped) == (4, 0)
    assert await states(frozen, waiting) == {"cancelled": 2}
    job = await frozen.queries.job(running)
    assert job is not None
    assert (job.state, job.cancel_requested_at is not None) == (State.RUNNING, True)
    assert await state_of(frozen, finished) == State.SUCCEEDED
    move_time(frozen, 1)
    await frozen.leases.sweep()


async def test_a_dead_job_whose_unique_key_another_one_holds_is_skipped(frozen: Namespace) -> None:
    key = Unique("order:o-1")
    dead = await bury(frozen, 1, unique=key)
    holder = await submit(frozen, unique=key)
    other = await bury(frozen, 1)
    action = await drain(frozen, await begin(frozen, DEAD))
    assert (action.succeeded, action.skipped) == (1, 1)
    assert await states(frozen, [*dead, holder, *other]) == {"dead": 1, "queued": 2}


async def test_it_ends_when_as_many_were_acted_upon_as_it_may(frozen: Namespace) -> None:
    ids = await many(frozen, 300)
    action = await drain(frozen, await begin(frozen, replace(QUEUED, max=130)))
    assert (action.state, action.succeeded) == ("succeeded", 130)
    # The newest come first.
    assert await states(frozen, sorted(ids)[170:]) == {"cancelled": 130}
    assert await states(frozen, sorted(ids)[:170]) == {"queued": 170}


async def test_delete_takes_finished_jobs_alone(frozen: Namespace) -> None:
    done, _ = await job_in(frozen, State.SUCCEEDED)
    cancelled, _ = await job_in(frozen, State.CANCELLED)
    (dead,) = await bury(frozen, 1)
    live = await submit(frozen)
    action = await drain(frozen, await begin(frozen, BulkSpec("delete", JobFilter(queue="default"))))
    assert action.succeeded == 3
    assert await states(frozen, [done, cancelled, dead, live]) == {None: 3, "queued": 1}


async def test_every_filter_must_match_and_a_count_agrees(frozen: Namespace) -> None:
    query = await many(frozen, 120, queue="one", name="a", tags={"tenant": "acme", "kind": "x"})
    await many(frozen, 120, queue="one", name="a", tags={"tenant": "acme"})
    await many(frozen, 120, queue="two", name="b", tags={"tenant": "other", "kind": "x"})
    for filter, expected in [
        (JobFilter(queue="one"), 240),
        (JobFilter(name="b"), 120),
        (JobFilter(queue="one", state=State.SCHEDULED), 0),
        (JobFilter(created_before=BEGIN), 0),
        (JobFilter(created_after=BEGIN - 1), 360),
        (JobFilter(group_id="flow_00000000000000000000000000"), 0),
        (JobFilter(tags={"tenant": "acme", "kind": "x"}), 120),
    ]:
        assert await frozen.bulk_actions.count(BulkSpec("cancel", filter)) == (expected, True)
    spec = BulkSpec("cancel", JobFilter(tags={"tenant": "acme", "kind": "x"}, queue="one", name="a"))
    assert (await drain(frozen, await begin(frozen, spec))).succeeded == 120
    assert await states(frozen, query) == {"cancelled": 120}
    assert await frozen.bulk_actions.count(BulkSpec("cancel", JobFilter(queue="one"))) == (120, True)


async def test_a_sparse_match_is_found_and_a_long_count_says_that_it_stopped(frozen: Namespace) -> None:
    rare = await many(frozen, 1, name="rare")
    await many(frozen, 11_000)
    assert await frozen.bulk_actions.count(BulkSpec("cancel", JobFilter(name="work"))) == (10_000, False)
    assert await frozen.bulk_actions.count(QUEUED) == (11_001, True)
    spec = BulkSpec("cancel", JobFilter(name="rare"), rate_per_second=1)
    assert (await drain(frozen, await begin(frozen, spec))).succeeded == 1
    # A second to see that there is no more; what does not match costs none.
    assert int(frozen.scripts.now) <= BEGIN + 1_000
    assert await states(frozen, rare) == {"cancelled": 1}


async def test_the_jobs_of_a_flow_are_chosen_by_it(frozen: Namespace) -> None:
    child = await blocked(frozen)
    other = await submit(frozen)
    job = await frozen.queries.job(child)
    assert job is not None
    spec = BulkSpec("cancel", JobFilter(group_id=job.flow_id))
    assert await frozen.bulk_actions.count(spec) == (2, True)
    action = await drain(frozen, await begin(frozen, spec))
    assert (action.succeeded, action.skipped) == (2, 0)
    assert await states(frozen, [child, other]) == {"cancelled": 1, "queued": 1}
    await frozen.group_tasks.work()


async def test_an_action_that_redis_refuses_holds_up_no_other(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bury(frozen, 5)
    await many(frozen, 5, queue="other")
    refused = await begin(frozen, DEAD)
    move_time(frozen, 1)
    other = await begin(frozen, BulkSpec("cancel", JobFilter(queue="other", state=State.QUEUED)))

    async def full(*_: Any, **__: Any) -> Any:
        raise StorageFull

    monkeypatch.setattr(frozen.jobs, "redrive", full)
    with pytest.raises(StorageFull):
        await frozen.bulk_batches.work()
    assert await frozen.bulk_batches.work() == 0
    assert (await read(frozen, other)).state == "succeeded"
    monkeypatch.undo()
    assert (await drain(frozen, refused, TAKEN_MS)).succeeded == 5


async def test_what_has_ended_is_forgotten_after_a_day(frozen: Namespace) -> None:
    ended, cancelled = await begin(frozen, QUEUED), await begin(frozen, QUEUED)
    await frozen.bulk_actions.set_state(cancelled, "cancelled")
    await drain(frozen, ended)
    paused = await begin(frozen, QUEUED)
    await frozen.bulk_actions.set_state(paused, "paused")
    move_time(frozen, DAY - 1)
    await frozen.bulk_batches.work()
    assert len((await frozen.bulk_actions.list(10, None)).items) == 3
    move_time(frozen, 1)
    await frozen.bulk_batches.work()
    assert [action.id for action in (await frozen.bulk_actions.list(10, None)).items] == [paused]
    assert await frozen.bulk_actions.get(ended) is None
    redis: Any = frozen.scripts.redis
    assert await redis.zcard(f"{frozen.scripts.prefix}action_retention") == 0


async def test_a_heartbeat_hears_of_an_action(frozen: Namespace) -> None:
    worker = await register_worker(frozen)
    redis: Any = frozen.scripts.redis
    inbox = f"{frozen.scripts.prefix}worker:{worker}:inbox"
    id = await begin(frozen, QUEUED)
    assert await redis.exists(inbox) == 1
    assert (await frozen.scripts.run("heartbeat", [worker, 15_000, 0, "running"]))[3] == 1
    await frozen.bulk_actions.set_state(id, "paused")
    assert (await frozen.scripts.run("heartbeat", [worker, 15_000, 0, "running"]))[3] == 0
    await redis.delete(inbox)
    await frozen.bulk_actions.set_state(id, "running")
    assert await redis.exists(inbox) == 1
