"""Minutes in which nothing happens cost one command, and read like all others."""

import random
from typing import Any

from service.domain.stats import MINUTE_MS, Kind, Window
from service.store.namespace import Namespace
from service.store.stats.recorder import DUE_MS
from tests.store.times import START
from tests.support.factories import HOPELESS, OK, claim, finish, register_worker, submit
from tests.support.sent_commands import sent_commands

HOUR = 60
#: So many that the first hour is packed.
MINUTES = 125
#: The first minute of an hour.
FIRST = START // MINUTE_MS // HOUR * HOUR + HOUR


def at(store: Namespace, minute: float) -> None:
    store.scripts.now = str(round((FIRST + minute) * MINUTE_MS))


async def store_minute(store: Namespace, minute: int) -> None:
    at(store, minute + 1 + DUE_MS / MINUTE_MS)
    await store.stats_recorder.work()


async def depths(store: Namespace, minutes: int) -> list[Any]:
    steps = (await store.stats.series("queue", "default", Window(FIRST, FIRST + minutes, 1))).steps
    return [None if step is None else step.depth for step in steps]


async def run_jobs(store: Namespace) -> None:
    """One succeeds and another one dies."""
    await register_worker(store)
    for settlement in (OK, HOPELESS):
        await submit(store)
        await finish(store, (await claim(store)).leases[0], settlement)


async def test_a_quiet_minute_takes_one_command(frozen: Namespace) -> None:
    at(frozen, 0.5)
    await run_jobs(frozen)
    await submit(frozen, queue="later", delay_ms=86_400_000)
    for minute in range(10):
        await store_minute(frozen, minute)
    client: Any = frozen.scripts.redis
    async with sent_commands(client) as sent:
        for minute in range(10, 58):
            await store_minute(frozen, minute)
    # The first five ends with minutes that were stored at length.
    assert len(sent) == 48
    assert await depths(frozen, 58) == [[0, 0, 0, 1]] * 58
    later = (await frozen.stats.series("queue", "later", Window(FIRST, FIRST + 58, 1))).steps
    assert [step and step.depth for step in later] == [[0, 1, 0, 0]] * 58


async def test_a_namespace_without_queues_has_zeros_and_no_gaps(frozen: Namespace) -> None:
    await register_worker(frozen)
    client: Any = frozen.scripts.redis
    async with sent_commands(client) as sent:
        for minute in range(7):
            await store_minute(frozen, minute)
    assert len(sent) == 7
    steps = (await frozen.stats.series(None, None, Window(FIRST, FIRST + 7, 1))).steps
    assert [step and step.counts for step in steps] == [[0] * 5] * 7


async def test_a_change_of_a_depth_ends_the_quiet(frozen: Namespace) -> None:
    for minute in range(3):
        await store_minute(frozen, minute)
    await submit(frozen)
    for minute in (3, 4):
        await store_minute(frozen, minute)
    await submit(frozen, queue="other")
    # Without any process there is a gap.
    await store_minute(frozen, 7)
    one = [1, 0, 0, 0]
    assert await depths(frozen, 8) == [None, None, None, one, one, None, None, one]
    whole = (await frozen.stats.series(None, None, Window(FIRST, FIRST + 8, 1))).steps
    assert [step and step.depth for step in whole] == [None, None, None, one, one, None, None, [2, 0, 0, 0]]
    assert [step is None for step in whole] == [False] * 5 + [True, True, False]


async def test_quiet_minutes_read_like_those_that_are_stored_at_length(frozen: Namespace) -> None:
    at_length = Namespace(frozen.scripts.redis, f"{frozen.scripts.namespace}-2", 1_000_000)
    stores = frozen, at_length
    quiet = 0
    for store in stores:
        chance = random.Random(7)
        before = store.stats_recorder._quiet
        at(store, 0.0)
        await register_worker(store)
        for minute in range(MINUTES):
            at(store, minute + 0.5)
            if chance.random() < 0.05:
                await run_jobs(store)
            if chance.random() < 0.03:
                await submit(store, delay_ms=chance.choice([0, 86_400_000]))
            if store is at_length:
                store.stats_recorder._quiet = "never", b""
            # Once an hour, no process runs for a while.
            if minute % HOUR > 2:
                await store_minute(store, minute)
                quiet += store is frozen and store.stats_recorder._quiet is before
            before = store.stats_recorder._quiet
    assert quiet > MINUTES / 3
    minutes = Window(FIRST, FIRST + MINUTES, 1)
    kinds: tuple[tuple[Kind | None, str | None], ...] = (("queue", "default"), ("type", "work"), (None, None))
    for kind, name in kinds:
        short, long = [await store.stats.series(kind, name, minutes) for store in stores]
        assert short == long
    windows: tuple[tuple[Kind, Window], ...] = (
        ("queue", Window(FIRST, FIRST + MINUTES, 5)),
        ("type", Window(FIRST, FIRST + 3 * HOUR, HOUR)),
    )
    for kind, window in windows:
        by_name, at_length_by_name = [await store.stats.all_series(kind, window) for store in stores]
        assert by_name == at_length_by_name
