"""Schedules: overlap, history, and what survives a change, a pause or a deletion."""

import pytest

from service.domain.errors import VersionMismatch
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.schedules import MINUTE, at, fire, jobs_of, put, read, started, worker
from tests.store.times import START
from tests.support.factories import OK, claim, finish

pytestmark = pytest.mark.anyio


async def test_skip_starts_nothing_while_the_last_run_is_unfinished(stores: Namespace) -> None:
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
    assert await started(stores) == []  # It is no longer in the history, but still unfinished.
    assert await jobs_of(stores) == 1


async def test_skip_applies_while_catching_up(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, overlap="skip", catch_up="all")
    at(stores, 3 * MINUTE)
    await fire(stores)
    assert await started(stores) == [60]


async def test_replace_cancels_a_waiting_run_and_sends_a_request_to_a_running_one(stores: Namespace) -> None:
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
    slow = await stores.schedules.find_due(10)
    await fire(stores)
    await worker(stores).fire(slow.due[0], slow.now)
    job = await stores.queries.job((await read(stores)).runs[0].job_id or "")
    assert job is not None
    assert job.state is State.QUEUED


async def test_the_history_shows_a_full_queue_and_a_held_key(stores: Namespace) -> None:
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


async def test_a_definition_that_is_put_again_keeps_what_is_due(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, catch_up="all")
    at(stores, 2 * MINUTE + 1)
    again = await put(stores, catch_up="all", job={"name": "work", "payload": {"v": 2}})
    assert (again.version, again.next_fire_time) == (2, START + MINUTE)
    other = await put(stores, catch_up="all", every_ms=2 * MINUTE)
    assert other.next_fire_time == START + 4 * MINUTE
    assert other.anchor == START + 2 * MINUTE


async def test_a_change_voids_what_a_worker_is_about_to_fire(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.find_due(10)
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
    look = await stores.schedules.find_due(10)
    await stores.schedules.pause(await read(stores))
    await worker(stores).fire(look.due[0], look.now)
    at(stores, 5 * MINUTE + 1)
    await fire(stores)
    await stores.schedules.resume(await read(stores))
    assert (await read(stores)).next_fire_time == START + 6 * MINUTE
    assert await jobs_of(stores) == 0


async def test_a_deleted_schedule_fires_nothing_and_leaves_nothing(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores)
    at(stores, MINUTE)
    look = await stores.schedules.find_due(10)
    with pytest.raises(VersionMismatch):
        await stores.schedules.delete("s", 7)
    assert await stores.schedules.delete("s", 1)
    assert not await stores.schedules.delete("s", None)
    await worker(stores).fire(look.due[0], look.now)
    assert await jobs_of(stores) == 0
    keys = [key async for key in stores.scripts.redis.scan_iter(match=f"{stores.scripts.prefix}*")]
    assert keys == []


async def test_a_finished_schedule_is_not_checked_again(stores: Namespace) -> None:
    at(stores, 0)
    await put(stores, end_ms=START + 90_000)
    at(stores, MINUTE)
    await fire(stores)
    look = await stores.schedules.find_due(10)
    assert ((await read(stores)).next_fire_time, look.due, look.next_in_ms) == (None, [], None)


async def test_the_job_type_and_the_queue_have_their_defaults_when_the_schedule_fires(
    stores: Namespace,
) -> None:
    from service.domain.catalogue import JobType
    from tests.support.worker_records import worker as record

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


async def test_lists_are_paged_by_name(stores: Namespace) -> None:
    at(stores, 0)
    for name in ("b", "a", "c"):
        await put(stores, name, paused=name == "b")
    first = await stores.schedules.list(2, None)
    second = await stores.schedules.list(2, first.next_cursor)
    assert [found.name for found in first.items + second.items] == ["a", "b", "c"]
    assert second.next_cursor is None
