"""Schedules: overlap, history, and what survives a change, a pause or a deletion."""

import pytest

from service.domain.errors import VersionMismatch
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.schedules import MINUTE, at, fire, jobs_of, put, read, started, worker
from tests.store.times import START
from tests.support.factories import OK, claim, finish

pytestmark = pytest.mark.anyio


async def test_skip_starts_nothing_while_the_last_run_is_unfinished(store: Namespace) -> None:
    at(store, 0)
    await put(store, overlap="skip")
    for minute in range(1, 80):
        at(store, minute * MINUTE)
        await fire(store)
    assert await started(store) == [60]
    assert [run.outcome for run in (await read(store)).runs] == ["skipped", "created"]
    await finish(store, (await claim(store)).leases[0], OK)
    at(store, 80 * MINUTE)
    await fire(store)
    assert await started(store) == [60, 4_800]


async def test_skip_holds_however_much_history_there_is_since_the_run_began(store: Namespace) -> None:
    at(store, 0)
    await put(store, overlap="skip", catch_up="latest")
    for round in range(30):
        at(store, (1 + 3 * round) * MINUTE)
        await fire(store)
    assert await started(store) == []  # It is no longer in the history, but still unfinished.
    assert await jobs_of(store) == 1


async def test_skip_applies_while_catching_up(store: Namespace) -> None:
    at(store, 0)
    await put(store, overlap="skip", catch_up="all")
    at(store, 3 * MINUTE)
    await fire(store)
    assert await started(store) == [60]


async def test_replace_cancels_a_waiting_run_and_sends_a_request_to_a_running_one(store: Namespace) -> None:
    at(store, 0)
    await put(store, overlap="replace")
    at(store, MINUTE)
    await fire(store)
    at(store, 2 * MINUTE)
    await fire(store)
    first, second = [run.job_id or "" for run in reversed((await read(store)).runs)]
    job = await store.queries.job(first)
    assert job is not None
    assert (job.state, job.state_reason) == (State.CANCELLED, "replaced")
    await claim(store)
    at(store, 3 * MINUTE)
    await fire(store)
    job = await store.queries.job(second)
    assert job is not None
    assert (job.state, job.cancel_requested_at) == (State.RUNNING, START + 3 * MINUTE)
    assert await started(store) == [60, 120, 180]


async def test_replace_by_a_slow_worker_spares_the_run_of_the_fast_one(store: Namespace) -> None:
    at(store, 0)
    await put(store, overlap="replace")
    at(store, MINUTE)
    slow = await store.schedules.find_due(10)
    await fire(store)
    await worker(store).fire(slow.due[0], slow.now)
    job = await store.queries.job((await read(store)).runs[0].job_id or "")
    assert job is not None
    assert job.state is State.QUEUED


async def test_the_history_shows_a_full_queue_and_a_held_key(store: Namespace) -> None:
    at(store, 0)
    await put(store, "u", job={"name": "work", "unique": {"key": "k"}})
    await put(store, "f", job={"name": "work", "queue": "narrow"})
    await store.queues.configure("narrow", {"max_depth": 1})
    for minute in (1, 2):
        at(store, minute * MINUTE)
        await fire(store)
    runs = (await read(store, "u")).runs
    assert [run.outcome for run in runs] == ["existing", "created"]
    assert runs[0].job_id == runs[1].job_id
    assert [run.outcome for run in (await read(store, "f")).runs] == ["full", "created"]


async def test_a_definition_that_is_put_again_keeps_what_is_due(store: Namespace) -> None:
    at(store, 0)
    await put(store, catch_up="all")
    at(store, 2 * MINUTE + 1)
    again = await put(store, catch_up="all", job={"name": "work", "payload": {"v": 2}})
    assert (again.version, again.next_fire_time) == (2, START + MINUTE)
    other = await put(store, catch_up="all", every_ms=2 * MINUTE)
    assert other.next_fire_time == START + 4 * MINUTE
    assert other.anchor == START + 2 * MINUTE


async def test_a_change_voids_what_a_worker_is_about_to_fire(store: Namespace) -> None:
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    look = await store.schedules.find_due(10)
    await put(store, job={"name": "work", "payload": {"v": 2}})
    await worker(store).fire(look.due[0], look.now)
    assert await started(store) == []
    await fire(store)
    job = await store.queries.job((await read(store)).runs[0].job_id or "")
    assert job is not None
    assert job.payload == b'{"v":2}'


async def test_a_pause_fires_nothing_and_is_not_caught_up(store: Namespace) -> None:
    at(store, 0)
    await put(store, catch_up="all")
    at(store, MINUTE)
    look = await store.schedules.find_due(10)
    await store.schedules.pause(await read(store))
    await worker(store).fire(look.due[0], look.now)
    at(store, 5 * MINUTE + 1)
    await fire(store)
    await store.schedules.resume(await read(store))
    assert (await read(store)).next_fire_time == START + 6 * MINUTE
    assert await jobs_of(store) == 0


async def test_a_deleted_schedule_fires_nothing_and_leaves_nothing(store: Namespace) -> None:
    at(store, 0)
    await put(store)
    at(store, MINUTE)
    look = await store.schedules.find_due(10)
    with pytest.raises(VersionMismatch):
        await store.schedules.delete("s", 7)
    assert await store.schedules.delete("s", 1)
    assert not await store.schedules.delete("s", None)
    await worker(store).fire(look.due[0], look.now)
    assert await jobs_of(store) == 0
    keys = [key async for key in store.scripts.redis.scan_iter(match=f"{store.scripts.prefix}*")]
    assert keys == []


async def test_a_finished_schedule_is_not_checked_again(store: Namespace) -> None:
    at(store, 0)
    await put(store, end_ms=START + 90_000)
    at(store, MINUTE)
    await fire(store)
    look = await store.schedules.find_due(10)
    assert ((await read(store)).next_fire_time, look.due, look.next_in_ms) == (None, [], None)


async def test_the_job_type_and_the_queue_have_their_defaults_when_the_schedule_fires(
    store: Namespace,
) -> None:
    from service.domain.catalogue import JobType
    from tests.support.worker_records import worker as record

    seconds, _ = await store.scripts.redis.time()
    await store.workers.register(
        record(seconds * 1000), [JobType("work", None, {"queue": "slow", "priority": 3})]
    )
    await store.queues.configure("slow", {"defaults": {"priority": 5, "timeout_seconds": 70}})
    at(store, 0)
    await put(store, job={"name": "work", "priority": 9})
    at(store, MINUTE)
    await fire(store)
    job = await store.queries.job((await read(store)).runs[0].job_id or "")
    assert job is not None
    assert (job.queue, job.priority, job.timeout_ms) == ("slow", 9, 70_000)


async def test_lists_are_paged_by_name(store: Namespace) -> None:
    at(store, 0)
    for name in ("b", "a", "c"):
        await put(store, name, paused=name == "b")
    first = await store.schedules.list(2, None)
    second = await store.schedules.list(2, first.next_cursor)
    assert [found.name for found in first.items + second.items] == ["a", "b", "c"]
    assert second.next_cursor is None
