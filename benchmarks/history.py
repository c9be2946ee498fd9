"""Measures how much memory a day of history takes, and how long reading it does (docs/adr/0042).

    python -m benchmarks.history --queues 50 --types 200

Every queue and job type is busy in every minute, which is the worst case for memory.
"""

import argparse
import asyncio
import math
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from service.domain.stats import BOUNDS, SAMPLED, Histogram, Kind, Tally, Window, series_name
from service.store.codec.history.stats import encode_tallies
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer, find_server_binary
from service.store.redis.key_groups import stats_keys

HOURS = 24
#: The end of the history, a whole hour.
NOW = 500_000 * 60
#: How the durations of a name fall into the buckets: waits and runs.
Shares = tuple[list[float], list[float]]


def shares(middle: float, width: float) -> list[float]:
    """The part of a lognormal distribution in each bucket."""
    sums = [0.5 * (1 + math.erf(math.log(bound / middle) / width / math.sqrt(2))) for bound in BOUNDS]
    return [more - less for less, more in zip([0.0, *sums], [*sums, 1.0], strict=True)]


def histogram(of: list[float], count: int, chance: random.Random) -> Histogram:
    drawn = (
        (bucket, max(0, round(chance.gauss(count * share, math.sqrt(count * share)))))
        for bucket, share in enumerate(of)
        if count * share > 0.02
    )
    return {bucket: number for bucket, number in drawn if number}


def busy_minute(runs: int, of: Shares, chance: random.Random, *, sampled: bool) -> Tally:
    started = max(0, round(chance.gauss(runs, math.sqrt(runs))))
    failed = chance.randrange(1 + started // 50)
    counts = [started, started - failed + chance.randrange(-2, 3), failed, failed // 3, chance.randrange(2)]
    wait, run = (histogram(share, started, chance) for share in of)
    return Tally(counts, wait, run, [chance.randrange(99) for _ in SAMPLED] if sampled else None)


async def store_day(store: Namespace, names: Mapping[str, int], chance: random.Random) -> None:
    """Store a day in which each name has so many runs per minute."""
    client: Any = store.scripts.redis
    forms = {
        name: (
            shares(chance.lognormvariate(-2, 1.5), chance.uniform(0.4, 1.6)),
            shares(chance.lognormvariate(-2, 1.5), chance.uniform(0.4, 1.6)),
        )
        for name in names
    }
    for hour in range(NOW // 60 - HOURS, NOW // 60):
        for minute in range(hour * 60, hour * 60 + 60):
            tallies = {
                name: busy_minute(runs, forms[name], chance, sampled=name.startswith("q"))
                for name, runs in names.items()
            }
            tallies["*"] = Tally.sum(tallies.values())
            key = stats_keys.minutes(store.scripts.prefix, hour=str(hour))
            await client.hset(key, str(minute), encode_tallies(tallies))
            if minute % 5 == 4 and minute >= NOW - 180:
                await store.stats_recorder.store_five(minute - 4)
        if hour < NOW // 60 - 2:
            await store.stats_recorder.pack_hour(hour)


async def timed(read: Callable[[], Awaitable[object]]) -> float:
    """The best of five, in ms."""
    times: list[float] = []
    for _ in range(5):
        began = time.perf_counter()
        await read()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


async def measure(url: str, queues: int, types: int, runs: int) -> None:
    redis = connect(url, socket_timeout=30)
    store = Namespace(redis, "history", 1)
    kinds: tuple[tuple[Kind, int], ...] = (("queue", queues), ("type", types))
    names = {
        series_name(kind, f"{kind}-{number}"): runs // count
        for kind, count in kinds
        for number in range(count)
    }
    await store_day(store, names, random.Random(3))
    client: Any = redis
    sizes: dict[str, int] = {}
    async for key in client.scan_iter(match="*stats*", count=1000):
        part = key.decode().rpartition("}:")[2].partition(":")[0]
        sizes[part] = sizes.get(part, 0) + await client.memory_usage(key, samples=0)
    total = sum(sizes.values())
    print(f"{queues} queues, {types} job types, {runs:,} runs per minute, {HOURS} h:")
    print(f"  {total / 1e6:.2f} MB, {total / len(names) / HOURS / 60:.1f} bytes per name and minute")
    for part, size in sizes.items():
        print(f"  {part}: {size / 1e6:.2f} MB")
    day = Window(NOW - 60 * HOURS, NOW, 1)
    reads: dict[str, Callable[[], Awaitable[object]]] = {
        "one queue, 24 h by minute": lambda: store.stats.series("queue", "queue-0", day),
        "every job type, 24 h by hour": lambda: store.stats.all_series("type", Window(day.first, NOW, 60)),
        "every job type, 150 min by 5": lambda: store.stats.all_series("type", Window(NOW - 150, NOW, 5)),
        "every job type, 30 min by minute": lambda: store.stats.all_series("type", Window(NOW - 30, NOW, 1)),
    }
    for name, read in reads.items():
        print(f"  {name}: {await timed(read):.0f} ms")
    await redis.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=50)
    parser.add_argument("--types", type=int, default=200)
    parser.add_argument("--runs", type=int, default=30_000, help="per minute, over all queues")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedServer(Path(folder), find_server_binary()) as server,
    ):
        asyncio.run(measure(server.url, given.queues, given.types, given.runs))


if __name__ == "__main__":
    main()
