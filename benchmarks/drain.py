"""Measures how fast one worker empties a queue, without any peer."""

import argparse
import asyncio
import statistics
from collections.abc import Mapping

from benchmarks.bench import Bench
from benchmarks.rows.drain import JOBS, drain
from benchmarks.systems.triage import Triage


async def run(jobs: int, rounds: int, fsync: str) -> None:
    async with Bench(fsync=fsync) as bench:
        figures = [await drain(bench, Triage, jobs) for _ in range(rounds)]
    for each in figures:
        print(f"{each.figure:,.0f}/s; CPU us/job: " + _listed(each.cpu_us))
    medians = {name: statistics.median(each.cpu_us[name] for each in figures) for name in figures[0].cpu_us}
    rate = statistics.median(each.figure for each in figures)
    print(f"median of {rounds}: {rate:,.0f}/s; CPU us/job: " + _listed(medians))


def _listed(cpu_us: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {used:.1f}" for name, used in cpu_us.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--fsync", choices=("everysec", "always", "no"), default="everysec")
    given = parser.parse_args()
    asyncio.run(run(given.jobs, given.rounds, given.fsync))


if __name__ == "__main__":
    main()
