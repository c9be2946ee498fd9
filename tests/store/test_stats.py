"""The history: the counts of a minute, how they are stored, and what a reader gets."""

import random
from typing import Any

import pytest

from service.domain.stats import COUNTED, MINUTE_MS, Histogram, Tally, Window, bucket_of, percentile
from service.store.codec.history import stats as codec
from service.store.namespace import Namespace
from service.store.redis.key_groups import stats_keys
from service.store.stats import recorder
from service.store.stats.recorder import DUE_MS, Recorder
from tests.store.times import START
from tests.support.factories import HOPELESS, OK, claim, finish, register_worker, submit

HOUR = 60
#: The first minute of an hour.
FIRST = START // MINUTE_MS // HOUR * HOUR + HOUR


def at(store: Namespace, minute: float) -> None:
    """Move the namespace's clock to this many minutes after FIRST."""
    store.scripts.now = str(round((FIRST + minute) * MINUTE_MS))


async def store_minutes(store: Namespace, until: int) -> None:
    """Store every minute before `until`."""
    at(store, until + DUE_MS / MINUTE_MS)
    await store.stats_recorder.work()


async def count(store: Namespace, number: int, **counts: int) -> None:
    await store.stats_recorder.add("wk_1", number, {name.replace("_", "|"): n for name, n in counts.items()})


async def counted(store: Namespace, kind: Any, name: str | None, column: str, minutes: int = 1) -> Any:
    window = Window(FIRST, FIRST + minutes, 1)
    steps = (await store.stats.series(kind, name, window)).steps
    return [None if step is None else step.counts[COUNTED.index(column)] for step in steps]


async def test_what_a_worker_counts_is_stored_some_seconds_after_the_minute(frozen: Namespace) -> None:
    at(frozen, 0.5)
    await count(frozen, 1, q_default_0=3, q_default_1=2, q_default_2=1, t_work_0=3, q_default_w20=3)
    at(frozen, 1.2)
    await frozen.stats_recorder.work()
    assert await counted(frozen, "queue", "default", "started") == [None]
    await store_minutes(frozen, 1)
    assert await counted(frozen, "queue", "default", "started") == [3]
    assert await counted(frozen, "queue", "default", "failed") == [1]
    assert await counted(frozen, "type", "work", "started") == [3]
    assert await counted(frozen, None, None, "succeeded") == [2]
    (step,) = (await frozen.stats.series("queue", "default", Window(FIRST, FIRST + 1, 1))).steps
    assert step is not None
    assert step.wait == {20: 3}


async def test_a_repeated_report_counts_once_and_the_first_second_belongs_to_the_last_minute(
    frozen: Namespace,
) -> None:
    for minute in (0.99, 1.01):
        at(frozen, minute)
        await count(frozen, 1, q_default_0=3)
    at(frozen, 1.01)
    await count(frozen, 2, q_default_0=4)
    at(frozen, 1.02)
    await count(frozen, 3, q_default_0=5)
    await store_minutes(frozen, 1)
    await store_minutes(frozen, 2)
    assert await counted(frozen, "queue", "default", "started", 2) == [7, 5]


async def test_deaths_and_cancellations_are_counted_without_a_worker(frozen: Namespace) -> None:
    await register_worker(frozen)
    at(frozen, 0.5)
    await submit(frozen)
    await finish(frozen, (await claim(frozen)).leases[0], HOPELESS)
    await frozen.jobs.cancel([await submit(frozen, queue="bulk"), await submit(frozen, queue="bulk")], 0)
    await store_minutes(frozen, 1)
    assert await counted(frozen, "queue", "default", "dead") == [1]
    assert await counted(frozen, "queue", "bulk", "cancelled") == [2]
    assert await counted(frozen, "type", "work", "dead") == [1]
    assert await counted(frozen, "type", "work", "cancelled") == [2]
    assert await counted(frozen, None, None, "cancelled") == [2]


async def test_jobs_that_a_killed_worker_did_not_report_have_succeeded_all_the_same(
    frozen: Namespace,
) -> None:
    await register_worker(frozen)
    at(frozen, 0.5)
    for _ in range(3):
        await submit(frozen)
    for lease in (await claim(frozen, 3)).leases:
        await finish(frozen, lease, OK)
    await count(frozen, 1, q_default_1=1)
    await frozen.jobs.cancel([await submit(frozen)], 0)
    await store_minutes(frozen, 1)
    assert await counted(frozen, "queue", "default", "succeeded") == [3]


async def test_depths_are_sampled_and_a_minute_without_a_process_is_a_gap(frozen: Namespace) -> None:
    at(frozen, 0.1)
    await submit(frozen)
    await submit(frozen, delay_ms=3_600_000)
    await store_minutes(frozen, 1)
    await store_minutes(frozen, 4)
    steps = (await frozen.stats.series("queue", "default", Window(FIRST, FIRST + 4, 1))).steps
    assert [step and step.depth for step in steps] == [[1, 1, 0, 0], None, None, [1, 1, 0, 0]]
    assert await counted(frozen, "queue", "other-queue", "started", 4) == [0, None, None, 0]


async def test_names_beyond_the_limit_share_one(frozen: Namespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(recorder._LIMITS, "type", 2)
    at(frozen, 0.5)
    await count(frozen, 1, t_a_0=1, t_b_0=7, t_c_0=5)
    await store_minutes(frozen, 1)
    at(frozen, 1.5)
    await count(frozen, 2, t_a_0=9, t_b_0=1, t_d_0=2)
    await store_minutes(frozen, 2)
    assert await counted(frozen, "type", "b", "started", 2) == [7, 1]
    assert await counted(frozen, "type", "c", "started", 2) == [5, 0]
    assert await counted(frozen, "type", "other", "started", 2) == [1, 11]
    at(frozen, 24 * HOUR + 2.5)
    await count(frozen, 3, t_a_0=9)
    await store_minutes(frozen, 24 * HOUR + 3)
    window = Window(FIRST + 24 * HOUR + 2, FIRST + 24 * HOUR + 3, 1)
    assert (await frozen.stats.series("type", "a", window)).steps[0].counts[0] == 9  # type: ignore[union-attr]


async def test_two_processes_store_a_minute_once(frozen: Namespace) -> None:
    at(frozen, 0.5)
    await count(frozen, 1, q_default_0=3)
    at(frozen, 1.3)
    client: Any = frozen.scripts.redis
    first, second = (Recorder(frozen.scripts, frozen.queries) for _ in range(2))
    await client.set(stats_keys.turn(frozen.scripts.prefix), 1)
    await first.work()
    assert await counted(frozen, "queue", "default", "started") == [None]
    await client.delete(stats_keys.turn(frozen.scripts.prefix))
    await second.work()
    # A process that was suspended after it had read the minute.
    await first._store(FIRST, sampled=True)
    assert await counted(frozen, "queue", "default", "started") == [3]


async def test_a_packed_hour_reads_like_its_minutes(frozen: Namespace) -> None:
    for minute in range(61):
        at(frozen, minute + 0.5)
        if minute != 7:
            await count(
                frozen, minute + 1, q_default_0=minute + 1, q_default_1=minute, q_default_r30=minute % 4
            )
            await store_minutes(frozen, minute + 1)
    window = Window(FIRST, FIRST + HOUR, 1)
    before = await frozen.stats.series("queue", "default", window)
    assert [step and step.counts[0] for step in before.steps] == [
        None if minute == 7 else minute + 1 for minute in range(HOUR)
    ]
    by_five = {name: series.steps for name, series in (await all_series(frozen, 5)).items()}
    by_hour = await all_series(frozen, HOUR)
    await store_minutes(frozen, 2 * HOUR + 1)
    client: Any = frozen.scripts.redis
    assert await client.exists(stats_keys.minutes(frozen.scripts.prefix, hour=str(FIRST // HOUR))) == 0
    assert await frozen.stats.series("queue", "default", window) == before
    (hour,) = (await all_series(frozen, HOUR))["default"].steps
    assert hour.counts == by_hour["default"].steps[0].counts
    # Packing a sum rounds it once.
    assert hour.run[30] == pytest.approx(by_hour["default"].steps[0].run[30], rel=0.2)
    assert by_hour["default"].steps[0].counts[0] == sum(range(1, 61)) - 8  # type: ignore[union-attr]
    assert [step and step.counts[1] for step in by_five["default"]][:3] == [10, 28, 60]
    assert [step and sum(step.run.values()) for step in by_five["default"]][:1] == [6]


async def all_series(store: Namespace, step: int) -> Any:
    return await store.stats.all_series("queue", Window(FIRST, FIRST + HOUR, step))


def spread(count: int, middle: float, seed: int) -> tuple[list[float], Histogram]:
    chance = random.Random(seed)
    values = sorted(chance.lognormvariate(0, 1.2) * middle for _ in range(count))
    histogram: Histogram = {}
    for value in values:
        histogram[bucket_of(value)] = histogram.get(bucket_of(value), 0) + 1
    return values, histogram


@pytest.mark.parametrize("middle", [0.02, 0.6, 14])
def test_percentiles_of_packed_hours_are_accurate_to_20_percent(middle: float) -> None:
    values, histogram = spread(5_000, middle, seed=7)
    (packed, *_) = codec.decode_hour(codec.encode_hour([Tally(run=histogram)] + [None] * 59))
    for share in (0.5, 0.95, 0.99):
        exact = values[round(share * len(values))]
        assert percentile(packed.run, share) == pytest.approx(exact, rel=0.2)
    assert percentile(packed.wait, 0.5) is None


def test_a_busy_name_takes_less_than_30_bytes_per_minute() -> None:
    hour: list[Tally | None] = []
    for minute in range(HOUR):
        wait, run = (spread(1_000, 0.2, 2 * minute + number)[1] for number in range(2))
        hour.append(Tally([1_000 + minute, 990, 15, 2, 1], wait, run, [minute] * 4))
    assert len(codec.encode_hour(hour)) < 30 * HOUR
