"""Bulk actions keep their rate, can be stopped, and act once on each job even if their worker dies."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from service.domain.bulk_action import FASTEST, PORTION, BulkSpec, batch_rate
from service.domain.errors import InvalidState, StorageFull
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.bulk.portions import CLAIM_MS
from service.store.namespace import Namespace
from tests.store.bulk_actions import DEAD, QUEUED, begin, bury, drain, many, move_time, read, redrives, states
from tests.support.factories import DAY, register_worker

pytestmark = pytest.mark.anyio


async def test_thousands_of_dead_jobs_run_again_once_each(frozen: Namespace) -> None:
    ids = await bury(frozen, 3_000)
    untouched = await many(frozen, 5)
    action = await drain(frozen, await begin(frozen, DEAD))
    assert (action.state, action.succeeded, action.skipped) == ("succeeded", 3_000, 0)
    assert await states(frozen, ids) == {"queued": 3_000}
    assert await redrives(frozen, ids) == {1: 3_000}
    assert await redrives(frozen, untouched) == {0: 5}


async def test_several_workers_at_once_do_nothing_twice(frozen: Namespace) -> None:
    ids = await bury(frozen, 2_000)
    id = await begin(frozen, DEAD)

    async def keep() -> None:
        while (await read(frozen, id)).live:
            if await frozen.bulk_batches.work() != 0:
                # Another worker may hold the batch for seconds; advance the clock instead of waiting.
                move_time(frozen, CLAIM_MS)

    await asyncio.gather(*[keep() for _ in range(4)])
    assert (await read(frozen, id)).succeeded == 2_000
    assert await redrives(frozen, ids) == {1: 2_000}


@pytest.mark.parametrize("spec", [DEAD, replace(DEAD, verb="delete")], ids=["retry", "delete"])
async def test_a_batch_repeated_by_a_late_worker_changes_nothing(
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
    # The jobs have died again meanwhile, which the late worker does not know.
    move_time(frozen, 10_000)
    if spec.verb == "retry":
        await frozen.jobs.cancel(ids, 0)
    await run(*sent[0])
    assert await read(frozen, id) == before
    action = await drain(frozen, id)
    assert (action.succeeded, action.state) == (PORTION + 20, "succeeded")


@pytest.mark.parametrize("dies", ["before its portion", "after its portion"])
async def test_another_worker_carries_on_when_one_dies(
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
    assert wait == (CLAIM_MS if dies == "before its portion" else 20)
    assert (await drain(frozen, id, wait)).succeeded == 450
    assert await redrives(frozen, ids) == {1: 450}


@pytest.mark.parametrize("rate", [1, 7, 250, 1_000])
async def test_no_second_has_more_jobs_than_the_rate_with_any_number_of_workers(
    frozen: Namespace, rate: int
) -> None:
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
    # Nor is it slower.
    took = history[-1][0] - history[0][0]
    assert took <= done / rate * 1_000 * 1.1 + 1_000


def test_a_batch_rate_never_exceeds_its_limit_and_comes_near_it() -> None:
    assert batch_rate(0.1) == (1, 10_000)
    assert batch_rate(1.5) == (1, 1_000)
    assert batch_rate(None) == batch_rate(FASTEST) == (PORTION, 20)
    for rate in range(1, FASTEST + 1):
        jobs, ms = batch_rate(rate)
        portions = -(-1_000 // ms)
        assert jobs <= PORTION
        assert jobs * portions <= rate
        assert jobs * 1_000 / ms >= rate * 0.95, rate


async def test_a_cancelled_action_stops_at_once_and_stays_stopped(frozen: Namespace) -> None:
    ids = await bury(frozen, 500)
    id = await begin(frozen, DEAD)
    await frozen.bulk_batches.work()
    for _ in range(2):
        await frozen.bulk_actions.set_state(id, "cancelled")
    for to in ("paused", "running"):
        with pytest.raises(InvalidState) as refused:
            await frozen.bulk_actions.set_state(id, to)
        assert refused.value.current_state == "cancelled"
    move_time(frozen, CLAIM_MS)
    assert await frozen.bulk_batches.work() is None
    action = await read(frozen, id)
    assert (action.state, action.succeeded, action.finished_at is not None) == ("cancelled", PORTION, True)
    assert await states(frozen, ids) == {"queued": PORTION, "dead": 500 - PORTION}


async def test_a_paused_action_resumes_where_it_was(
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
    # The pause comes after the action has selected jobs, and before the call that cancels them.
    await frozen.bulk_batches.work()
    monkeypatch.undo()
    move_time(frozen, CLAIM_MS)
    assert await frozen.bulk_batches.work() is None
    assert await states(frozen, ids) == {"cancelled": PORTION, "queued": 200}
    for _ in range(2):
        await frozen.bulk_actions.set_state(id, "running")
    assert (await drain(frozen, id)).succeeded == 300
    with pytest.raises(InvalidState):
        await frozen.bulk_actions.set_state(id, "running")


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
    assert (await drain(frozen, refused, CLAIM_MS)).succeeded == 5


async def test_a_finished_action_is_forgotten_after_a_day(frozen: Namespace) -> None:
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


async def test_heartbeats_report_a_new_action(frozen: Namespace) -> None:
    worker = await register_worker(frozen)
    redis: Any = frozen.scripts.redis
    inbox = f"{frozen.scripts.prefix}worker:{worker}:inbox"
    id = await begin(frozen, QUEUED)
    assert await redis.exists(inbox) == 1
    assert (await frozen.scripts.run("heartbeat", [worker, 15_000, 0, "running", 0, "pool"]))[3] == 1
    await frozen.bulk_actions.set_state(id, "paused")
    assert (await frozen.scripts.run("heartbeat", [worker, 15_000, 0, "running", 0, "pool"]))[3] == 0
    await redis.delete(inbox)
    await frozen.bulk_actions.set_state(id, "running")
    assert await redis.exists(inbox) == 1
