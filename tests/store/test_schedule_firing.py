"""Firing: once per fire time over all workers, even if they die, and catching up afterwards."""

import asyncio
import math
from typing import Any

import pytest

from service.domain.errors import BackendUnavailable
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.store.schedules import MINUTE, SECOND, at, fire, jobs_of, put, read, started, worker
from tests.store.times import START
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish, new_id
from workers.maintenance.scheduler import Scheduler

pytestmark = pytest.mark.anyio


async def test_a_fire_time_becomes_a_job_and_the_next_one_is_waited_for(store: Namespace) -> None:
    at(store, 0)
    found = await put(store, job={"name": "work", "payload": {"a": 1}, "priority": 7, "tags": {"t": "x"}})
    assert found.next_fire_time == START + MINUTE
    assert (await store.schedules.find_due(10)).due == []
    at(store, MINUTE + 3)
    await fire(store)
    found = await read(store)
    assert (found.next_fire_time, found.last) == (START + 2 * MINUTE, (START + MINUTE, found.runs[0].job_id))
    job = await store.queries.job(found.runs[0].job_id or "")
    assert job is not None
    assert (job.payload, job.priority, job.tags) == (b'{"a":1}', 7, {"schedule": "s", "t": "x"})
    assert (await store.schedules.find_due(10)).next_in_ms == MINUTE - 3


async def test_two_workers_that_saw_the_same_fire_time_start_one_job(store: Namespace) -> None:
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    look = await store.schedules.find_due(10)
    await asyncio.gather(*[worker(store).fire(look.due[0], look.now) for _ in range(10)])
    assert await started(store) == [60]
    assert await jobs_of(store) == 1


async def test_a_worker_that_was_frozen_for_days_fires_nothing_again(store: Namespace) -> None:
    at(store, 0)
    await put(store, job={"name": "work", "retention_seconds": 0})
    at(store, MINUTE)
    frozen = await store.schedules.find_due(10)
    await fire(store)
    await finish(store, (await claim(store)).leases[0], OK)
    at(store, 40 * 86_400 * SECOND)
    assert (await store.leases.prune())[0] == 1
    await worker(store).fire(frozen.due[0], frozen.now)
    assert await jobs_of(store) == 0


async def test_a_firing_whose_reply_was_lost_is_not_fired_again(store: Namespace) -> None:
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    look = await store.schedules.find_due(10)
    run, sent = store.scripts.run, 0

    async def lose_the_reply(name: str, arguments: Any, now: str = "") -> Any:
        nonlocal sent
        response = await run(name, arguments, now)
        sent += 1
        return await run(name, arguments, now) if name == "submit" else response

    store.scripts.run = lose_the_reply  # type: ignore[method-assign]
    await worker(store).fire(look.due[0], look.now)
    store.scripts.run = run  # type: ignore[method-assign]
    assert sent >= 1
    assert await started(store) == [60]
    assert await jobs_of(store) == 1


async def test_a_run_now_that_is_sent_twice_is_in_the_history_once(store: Namespace) -> None:
    found = await put(store)
    submission = Submission(new_id(), found.job(None, {}))
    words = [await store.schedules.run_now(found, submission) for _ in range(2)]
    assert [submitted and submitted.result for submitted in words] == ["created", "duplicate"]
    assert [run.outcome for run in (await read(store)).runs] == ["created"]


@pytest.mark.parametrize("overlap", ["allow", "skip", "replace"])
@pytest.mark.parametrize("crash_at", range(12))
async def test_a_worker_killed_between_any_two_calls_leaves_the_fire_time_to_another(
    store: Namespace, overlap: str, crash_at: int
) -> None:
    at(store, 0)
    await put(store, overlap=overlap)
    at(store, MINUTE)
    await fire(store)
    at(store, 2 * MINUTE)
    redis: Any = store.scripts.redis
    call, calls = redis.execute_command, 0

    async def killed(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        if calls == crash_at:
            raise asyncio.CancelledError
        calls += 1
        return await call(*arguments, **options)

    pipeline = redis.pipeline

    def killed_pipeline(*arguments: Any, **options: Any) -> Any:
        nonlocal calls
        if calls == crash_at:
            raise asyncio.CancelledError
        calls += 1
        return pipeline(*arguments, **options)

    redis.execute_command, redis.pipeline = killed, killed_pipeline
    try:
        await fire(store)
    except asyncio.CancelledError:
        pass
    finally:
        redis.execute_command, redis.pipeline = call, pipeline
    await fire(store)
    await fire(store)
    expected = [60] if overlap == "skip" else [60, 120]
    assert await started(store) == expected
    assert await jobs_of(store) == len(expected)
    assert (await read(store)).next_fire_time == START + 3 * MINUTE


async def test_after_a_time_without_workers_catch_up_decides(store: Namespace) -> None:
    at(store, 0)
    for name, catch_up in (("n", "none"), ("l", "latest"), ("a", "all")):
        await put(store, name, catch_up=catch_up)
    at(store, 4 * MINUTE + 30_000)
    await put(store, "late", every_ms=7 * MINUTE)
    at(store, 5 * MINUTE - 1)
    await fire(store)
    assert await started(store, "n") == [240]
    assert await started(store, "l") == [240]
    assert await started(store, "a") == [60, 120, 180, 240]
    assert [run.outcome for run in (await read(store, "n")).runs] == ["created", "missed"]
    assert {(await read(store, name)).next_fire_time for name in "nla"} == {START + 5 * MINUTE}


async def test_catch_up_none_skips_fire_times_over_a_minute_late(store: Namespace) -> None:
    at(store, 0)
    await put(store, every_ms=60 * MINUTE)
    at(store, 62 * MINUTE)
    await fire(store)
    found = await read(store)
    assert ([run.outcome for run in found.runs], found.next_fire_time) == (["missed"], START + 120 * MINUTE)
    assert await jobs_of(store) == 0


async def test_one_schedule_that_cannot_fire_does_not_delay_the_others(store: Namespace) -> None:
    at(store, 0)
    await put(store, "broken", timezone="Europe/Atlantis")
    await put(store, "whole")
    redis: Any = store.scripts.redis
    await redis.hset(f"{store.scripts.prefix}schedule:broken", "definition", '{"cron":"gone"}')
    at(store, MINUTE)
    duty = asyncio.create_task(worker(store).work())
    await eventually(lambda: _has_started(store, "whole"))
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)


async def _has_started(store: Namespace, name: str) -> None:
    assert await started(store, name)


async def test_an_earlier_fire_time_wakes_a_sleeping_worker(store: Namespace) -> None:
    sleeping = worker(store)
    duty = asyncio.create_task(sleeping.work())
    await eventually(lambda: _sleeps(sleeping))
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    sleeping.schedule_check(0)
    assert await asyncio.wait_for(duty, 5) == 0.0
    duty = asyncio.create_task(sleeping.work())
    await eventually(lambda: _has_started(store, "s"))
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)


def _sleeps(scheduler: Scheduler) -> None:
    assert 0 < scheduler._checks_at < math.inf


async def test_a_stopped_server_is_an_outage_and_loses_no_fire_time(store: Namespace) -> None:
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    run = store.scripts.run

    async def away(name: str, arguments: Any, now: str = "") -> Any:
        raise BackendUnavailable()

    store.scripts.run = away  # type: ignore[method-assign]
    with pytest.raises(BackendUnavailable):
        await fire(store)
    store.scripts.run = run  # type: ignore[method-assign]
    await fire(store)
    assert await started(store) == [60]
