"""Measures the longest time of each Lua command: `python -m benchmarks.scripts`.

A tenant stores what makes the commands slow, and uses every operation with its largest input. Nothing else
uses the server, so the CPU time of its main thread between two reads belongs to the call. Other processes
only make the server wait, which does not count.
"""

import argparse
import asyncio
import time
from collections.abc import Collection
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.hostile import groups, jobs, others, reads
from benchmarks.hostile.meter import Meter, by_scene, table
from benchmarks.hostile.stage import Stage
from service.store.namespace import Namespace

SCENES = (*jobs.SCENES, *groups.SCENES, *others.SCENES, *reads.SCENES)
SIZE, ROUNDS = 1_000_000, 3
ROW = "{:22} {:>8} {:>9} {:>9}  {}"


async def measure(size: int, binary: Path | None, only: Collection[str]) -> Meter:
    async with Bench(binary=binary) as bench, bench.server() as server:
        meter = Meter(server.redis)
        # The first call loads the function library.
        await Namespace(server.redis, "warm-up", 0).queue_metrics.load("none", 0)
        with meter.running():
            for scene in SCENES:
                if only and scene.__name__ not in only:
                    continue
                began = time.monotonic()
                await scene(Stage(server.redis, meter, size))
                print(f"  {scene.__name__}: {time.monotonic() - began:.0f} s", flush=True)
        return meter


async def run(size: int, rounds: int, binary: Path | None, only: Collection[str]) -> None:
    meters: list[Meter] = []
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        meters.append(await measure(size, binary, only))
    if only:
        for name, scenes in sorted(by_scene(meters[0]).items()):
            print(f"  {name}: {scenes}")
    print(ROW.format("command", "calls", "median", "longest", "(ms) in"))
    for name, calls, median, longest, scene in table(meters, partial=bool(only)):
        print(ROW.format(name, calls, f"{median:.2f}", f"{longest:.2f}", scene))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scripts", description=__doc__)
    parser.add_argument("--size", type=int, default=SIZE, help="jobs in the largest backlog")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="names of scenes, separated by commas")
    parser.add_argument("--server", type=Path, help="its binary (default: the embedded Valkey)")
    given = parser.parse_args()
    only = frozenset(filter(None, given.only.split(",")))
    asyncio.run(run(given.size, given.rounds, given.server, only))


if __name__ == "__main__":
    main()
