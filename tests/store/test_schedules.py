"""Firing: each slot once over all workers, whoever dies when; overlap; history; what a change keeps."""

import asyncio
import math
from typing import Any

import pytest

from service.domain.errors import BackendUnavailable, VersionMismatch
from service.domain.schedule import Schedule
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.support.eventually import eventually
from tests.support.factories import OK, claim, finish, new_id
from tests.support.manual_clock import ManualClock
from workers.maintenance.scheduler import Scheduler

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000
SECOND, MINUTE = 1_000, 60_000


def definition(**fields: Any) -> dict[str, Any]:
    return {
        "cron": None,
        "every_ms": MINUTE,
        "timezone": "UTC",
        "start_ms": None,
        "end_ms": None,
        "catch_up": "none",
        "overlap": "allow",
        "job": {"name": "work"},
        **fields,
    }


def at(stores: Namespace, ms: int) -> None:
    stores.scripts.now = str(START + ms)


async def put(stores: Namespace, name: str = "s", paused: bool = False, **fields: Any) -> Schedule:
    before, now = await stores.schedules.read(name)
    await stores.schedules.put(name, definition(**fields), paused, before, now)
    return await read(stores, name)


async def read(stores: Namespace, name: str = "s") -> Schedule:
    found = await stores.schedules.get(name)
    assert found is not None
    return found


def worker(stores: Namespace) -> Scheduler:
    return Scheduler(stores, lambda _: new_id(), 5_000, ManualClock())


async def fire(stores: Namespace) -> None:
    """One look of one worker."""
    look = await stores.schedules.look(100)
    for found in look.due:
        await worker(stores).fire(found, look.now)


async def started(stores: Namespace, name: str = "s") -> list[int | None]:
    """Slots that became jobs, in seconds, oldest first."""
    runs = (await read(stores, name)).runs
    return [
        None if run.slot is None else (run.slot - START) // SECOND
        for run in reversed(runs)
        if run.outcome == "created"
    ]


async def jobs_of(stores: Namespace, queue: str = "default") -> int:
    found = await stores.queues.get(queue)
    return sum(found.counts.values()) if found else 0


async def test_a_slot_becomes_a_job_and_the_next_one_is_waited_for(stores: Namespace) -> None:
    at(stores, 0)
    found = await put(stores, job={"name": "work", "payload": {"a": 1}, "priority": 7, "tags": {"t": "x"}})
    assert found.slot == START + MINUTE
    assert (await stores.schedules.look(10)).due == []
    at(stores, MINUTE + 3)
    await fire(stores)
    found = await read(stores)
    assert (found.slot, found.last) == (START + 2 * MINUTE, (START + MINUTE, found.runs[0].job_id))
    job = await stores.queries.job(found.runs[0].job_id or "")
    assert job is not None
    assert (job.payload, job.priority, job.tags) == (b'{"a":1}', 7, {"schedule": "s", "t": "x"})
    assert (await stores.schedules.look(10)).next_in_ms == MINUTE - 3


async def test_two_workers_that_saw_the_same_slot_start_one_job(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.look(10)
    await asyncio.gather(*[worker(stores).fire(look.due[0], look.now) for _ in range(10)])
    assert await started(stores) == [60]
    assert await jobs_of(stores) == 1


async def test_a_worker_that_was_frozen_for_days_fires_nothing_again(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, job={"name": "work", "retention_seconds": 0})
    at(stores, MINUTE)
    frozen = await stores.schedules.look(10)
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
    look = await stores.schedules.look(10)
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


async def test_a_run_that_was_asked_for_and_sent_twice_is_in_the_history_once(stores: Namespace) -> None:
    found = await put(stores)
    submission = Submission(new_id(), found.job(None, {}))
    words = [await stores.schedules.run_now(found, submission) for _ in range(2)]
    assert [submitted and submitted.result for submitted in words] == ["created", "duplicate"]
    assert [run.outcome for run in (await read(stores)).runs] == ["created"]


@pytest.mark.parametrize("overlap", ["allow", "skip", "replace"])
@pytest.mark.parametrize("crash_at", range(12))
async def test_a_worker_killed_between_any_two_calls_leaves_the_slot_to_another(
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
    assert (await read(stores)).slot == START + 3 * MINUTE


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
    assert {(await read(stores, name)).slot for name in "nla"} == {START + 5 * MINUTE}


async def test_none_lets_go_of_what_is_over_a_minute_late(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, every_ms=60 * MINUTE)
    at(stores, 62 * MINUTE)
    await fire(stores)
    found = await read(stores)
    assert ([run.outcome for run in found.runs], found.slot) == (["missed"], START + 120 * MINUTE)
    assert await jobs_of(stores) == 0


async def test_skip_starts_nothing_while_the_last_run_is_not_over(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="skip")
    for minute in range(1, 80):
        at(stores, minute * MINUTE)
        await fire(stores)
    assert await started(stores) == [60]
    assert [run.outcome for run in (await read(stores)).runs] == ["skipped", "created"]
    await finish(stores, (await claim(stores)).leases[0], OK)
    at(stores, 80 * MINUTE)
    await fire(stores)
    assert await started(stores) == [60, 4_800]


async def test_skip_holds_however_much_history_there_is_since_the_run_began(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="skip", catch_up="latest")
    for round in range(30):
        at(stores, (1 + 3 * round) * MINUTE)
        await fire(stores)
    assert await started(stores) == []  # It is no longer in the history, and still not over.
    assert await jobs_of(stores) == 1


async def test_skip_holds_inside_one_catching_up(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="skip", catch_up="all")
    at(stores, 3 * MINUTE)
    await fire(stores)
    assert await started(stores) == [60]


async def test_replace_cancels_a_waiting_run_and_asks_a_running_one(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="replace")
    at(stores, MINUTE)
    await fire(stores)
    at(stores, 2 * MINUTE)
    await fire(stores)
    first, second = [run.job_id or "" for run in reversed((await read(stores)).runs)]
    job = await stores.queries.job(first)
    assert job is not None
    assert (job.state, job.state_reason) == (State.CANCELLED, "replaced")
    await claim(stores)
    at(stores, 3 * MINUTE)
    await fire(stores)
    job = await stores.queries.job(second)
    assert job is not None
    assert (job.state, job.cancel_requested_at) == (State.RUNNING, START + 3 * MINUTE)
    assert await started(stores) == [60, 120, 180]


async def test_replace_by_a_slow_worker_spares_the_run_of_the_fast_one(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="replace")
    at(stores, MINUTE)
    slow = await stores.schedules.look(10)
    await fire(stores)
    await worker(stores).fire(slow.due[0], slow.now)
    job = await stores.queries.job((await read(stores)).runs[0].job_id or "")
    assert job is not None
    assert job.state is State.QUEUED


async def test_a_full_queue_and_a_held_key_are_told_in_the_history(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, "u", job={"name": "work", "unique": {"key": "k"}})
    await put(stores, "f", job={"name": "work", "queue": "narrow"})
    await stores.queues.configure("narrow", {"max_depth": 1})
    for minute in (1, 2):
        at(stores, minute * MINUTE)
        await fire(stores)
    runs = (await read(stores, "u")).runs
    assert [run.outcome for run in runs] == ["existing", "created"]
    assert runs[0].job_id == runs[1].job_id
    assert [run.outcome for run in (await read(stores, "f")).runs] == ["full", "created"]


async def test_a_definition_that_is_sent_again_keeps_what_is_due(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, catch_up="all")
    at(stores, 2 * MINUTE + 1)
    again = await put(stores, catch_up="all", job={"name": "work", "payload": {"v": 2}})
    assert (again.version, again.slot) == (2, START + MINUTE)
    other = await put(stores, catch_up="all", every_ms=2 * MINUTE)
    assert other.slot == START + 4 * MINUTE
    assert other.anchor == START + 2 * MINUTE


async def test_a_change_voids_what_a_worker_is_about_to_fire(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.look(10)
    await put(stores, job={"name": "work", "payload": {"v": 2}})
    await worker(stores).fire(look.due[0], look.now)
    assert await started(stores) == []
    await fire(stores)
    job = await stores.queries.job((await read(stores)).runs[0].job_id or "")
    assert job is not None
    assert job.payload == b'{"v":2}'


async def test_a_pause_fires_nothing_and_is_not_caught_up(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, catch_up="all")
    at(stores, MINUTE)
    look = await stores.schedules.look(10)
    await stores.schedules.pause(await read(stores))
    await worker(stores).fire(look.due[0], look.now)
    at(stores, 5 * MINUTE + 1)
    await fire(stores)
    await stores.schedules.resume(await read(stores))
    assert (await read(stores)).slot == START + 6 * MINUTE
    assert await jobs_of(stores) == 0


async def test_a_deleted_schedule_fires_nothing_and_leaves_nothing(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.look(10)
    with pytest.raises(VersionMismatch):
        await stores.schedules.delete("s", 7)
    assert await stores.schedules.delete("s", 1)
    assert not await stores.schedules.delete("s", None)
    await worker(stores).fire(look.due[0], look.now)
    assert await jobs_of(stores) == 0
    keys = [key async for key in stores.scripts.redis.scan_iter(match=f"{stores.scripts.prefix}*")]
    assert keys == []


async def test_a_schedule_that_is_over_is_not_looked_at_again(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, end_ms=START + 90_000)
    at(stores, MINUTE)
    await fire(stores)
    look = await stores.schedules.look(10)
    assert ((await read(stores)).slot, look.due, look.next_in_ms) == (None, [], None)


async def test_the_job_type_and_the_queue_have_their_defaults_when_the_slot_fires(stores: Namespace) -> None:
    from service.domain.catalogue import JobType
    from tests.api.test_queues import worker as record

    seconds, _ = await stores.scripts.redis.time()
    await stores.workers.register(
        record(seconds * 1000), [JobType("work", None, {"queue": "slow", "priority": 3})]
    )
    await stores.queues.configure("slow", {"defaults": {"priority": 5, "timeout_seconds": 70}})
    at(stores, 0)
    await put(stores, job={"name": "work", "priority": 9})
    at(stores, MINUTE)
    await fire(stores)
    job = await stores.queries.job((await read(stores)).runs[0].job_id or "")
    assert job is not None
    assert (job.queue, job.priority, job.timeout_ms) == ("slow", 9, 70_000)


async def test_one_schedule_that_cannot_be_fired_does_not_hold_up_the_others(stores: Namespace) -> None:
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


async def test_an_earlier_slot_wakes_a_sleeping_worker(stores: Namespace) -> None:
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


async def test_a_list_goes_by_name_in_pages(stores: Namespace) -> None:
    at(stores, 0)
    for name in ("b", "a", "c"):
        await put(stores, name, paused=name == "b")
    first = await stores.schedules.list(2, None)
    second = await stores.schedules.list(2, first.next_cursor)
    assert [found.name for found in first.items + second.items] == ["a", "b", "c"]
    assert second.next_cursor is None


async def test_a_stopped_server_is_an_outage_and_no_lost_slot(stores: Namespace) -> None:
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
