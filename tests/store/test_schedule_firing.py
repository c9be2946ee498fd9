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


async def test_a_fire_time_becomes_a_job_and_the_next_one_is_waited_for(stores: Namespace) -> None:
    at(stores, 0)
    found = await put(stores, job={"name": "work", "payload": {"a": 1}, "priority": 7, "tags": {"t": "x"}})
    assert found.next_fire_time == START + MINUTE
    assert (await stores.schedules.find_due(10)).due == []
    at(stores, MINUTE + 3)
    await fire(stores)
    found = await read(stores)
    assert (found.next_fire_time, found.last) == (START + 2 * MINUTE, (START + MINUTE, found.runs[0].job_id))
    job = await stores.queries.job(found.runs[0].job_id or "")
    assert job is not None
    assert (job.payload, job.priority, job.tags) == (b'{"a":1}', 7, {"schedule": "s", "t": "x"})
    assert (await stores.schedules.find_due(10)).next_in_ms == MINUTE - 3


async def test_two_workers_that_saw_the_same_fire_time_start_one_job(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.find_due(10)
    await asyncio.gather(*[worker(stores).fire(look.due[0], look.now) for _ in range(10)])
    assert await started(stores) == [60]
    assert await jobs_of(stores) == 1


async def test_a_worker_that_was_frozen_for_days_fires_nothing_again(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, job={"name": "work", "retention_seconds": 0})
    at(stores, MINUTE)
    frozen = await stores.schedules.find_due(10)
    await fire(stores)
    await finish(stores, (await claim(stores)).leases[0], OK)
    at(stores, 40 * 86_400 * SECOND)
    assert (await stores.leases.prune())[0] == 1
    await worker(stores).fire(frozen.due[0], frozen.now)
    assert await jobs_of(stores) == 0


async def test_a_firing_whose_reply_was_lost_is_not_fired_again(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.find_due(10)
    run, sent = stores.scripts.run, 0

    async def lose_the_reply(name: str, arguments: Any, now: str = "") -> Any:
        nonlocal sent
        answer = await run(name, arguments, now)
        sent += 1
        return await run(name, arguments, now) if name == "submit" else answer

    stores.scripts.run = lose_the_reply  # type: ignore[method-assign]
    await worker(stores).fire(look.due[0], look.now)
    stores.scripts.run = run  # type: ignore[method-assign]
    assert sent >= 1
    assert await started(stores) == [60]
    assert await jobs_of(stores) == 1


async def test_a_run_now_that_is_sent_twice_is_in_the_history_once(stores: Namespace) -> None:
    found = await put(stores)
    submission = Submission(new_id(), found.job(None, {}))
    words = [await stores.schedules.run_now(found, submission) for _ in range(2)]
    assert [submitted and submitted.result for submitted in words] == ["created", "duplicate"]
    assert [run.outcome for run in (await read(stores)).runs] == ["created"]


@pytest.mark.parametrize("overlap", ["allow", "skip", "replace"])
@pytest.mark.parametrize("crash_at", range(12))
async def test_a_worker_killed_between_any_two_calls_leaves_the_fire_time_to_another(
    stores: Namespace, overlap: str, crash_at: int
) -> None:
    at(stores, 0)
    await put(stores, overlap=overlap)
    at(stores, MINUTE)
    await fire(stores)
    at(stores, 2 * MINUTE)
    redis: Any = stores.scripts.redis
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
        await fire(stores)
    except asyncio.CancelledError:
        pass
    finally:
        redis.execute_command, redis.pipeline = call, pipeline
    await fire(stores)
    await fire(stores)
    expected = [60] if overlap == "skip" else [60, 120]
    assert await started(stores) == expected
    assert await jobs_of(stores) == len(expected)
    assert (await read(stores)).next_fire_time == START + 3 * MINUTE


async def test_after_a_time_without_workers_catch_up_decides(stores: Namespace) -> None:
    at(stores, 0)
    for name, catch_up in (("n", "none"), ("l", "latest"), ("a", "all")):
        await put(stores, name, catch_up=catch_up)
    at(stores, 4 * MINUTE + 30_000)
    await put(stores, "late", every_ms=7 * MINUTE)
    at(stores, 5 * MINUTE - 1)
    await fire(stores)
    assert await started(stores, "n") == [240]
    assert await started(stores, "l") == [240]
    assert await started(stores, "a") == [60, 120, 180, 240]
    assert [run.outcome for run in (await read(stores, "n")).runs] == ["created", "missed"]
    assert {(await read(stores, name)).next_fire_time for name in "nla"} == {START + 5 * MINUTE}


async def test_catch_up_none_skips_fire_times_over_a_minute_late(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, every_ms=60 * MINUTE)
    at(stores, 62 * MINUTE)
    await fire(stores)
    found = await read(stores)
    assert ([run.outcome for run in found.runs], found.next_fire_time) == (["missed"], START + 120 * MINUTE)
    assert await jobs_of(stores) == 0


async def test_one_schedule_that_cannot_fire_does_not_delay_the_others(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, "broken", timezone="Europe/Atlantis")
    await put(stores, "whole")
    redis: Any = stores.scripts.redis
    await redis.hset(f"{stores.scripts.prefix}schedule:broken", "definition", '{"cron":"gone"}')
    at(stores, MINUTE)
    duty = asyncio.create_task(worker(stores).work())
    await eventually(lambda: _has_started(stores, "whole"))
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)


async def _has_started(stores: Namespace, name: str) -> None:
    assert await started(stores, name)


async def test_an_earlier_fire_time_wakes_a_sleeping_worker(stores: Namespace) -> None:
    sleeping = worker(stores)
    duty = asyncio.create_task(sleeping.work())
    await eventually(lambda: _sleeps(sleeping))
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    sleeping.schedule_check(0)
    assert await asyncio.wait_for(duty, 5) == 0.0
    duty = asyncio.create_task(sleeping.work())
    await eventually(lambda: _has_started(stores, "s"))
    duty.cancel()
    await asyncio.gather(duty, return_exceptions=True)


def _sleeps(scheduler: Scheduler) -> None:
    assert 0 < scheduler._checks_at < math.inf


async def test_a_stopped_server_is_an_outage_and_loses_no_fire_time(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    run = stores.scripts.run

    async def away(name: str, arguments: Any, now: str = "") -> Any:
        raise BackendUnavailable()

    stores.scripts.run = away  # type: ignore[method-assign]
    with pytest.raises(BackendUnavailable):
        await fire(stores)
    stores.scripts.run = run  # type: ignore[method-assign]
    await fire(stores)
    assert await started(stores) == [60]
