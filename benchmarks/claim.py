"""Measures the cost of a long queue with limits: the duration of a claim, and how fast a worker drains it."""

import argparse
import asyncio
import statistics
import time
from collections.abc import Sequence

from benchmarks.backlog import CLAIMS, Backlog
from benchmarks.bench import Bench, Server
from benchmarks.row import Figures
from benchmarks.scenes import Scene
from benchmarks.summary import percentile


async def measure(server: Server, jobs: int, rounds: int) -> None:
    limited, same_queues, one_queue = [
        Backlog(server, name, scene)
        for name, scene in (
            (
                "limited",
                Scene(f"{jobs:,} jobs, 10,000 limit keys, 50 queues, limits on all", jobs, 50, 10_000),
            ),
            ("free", Scene("1,000 jobs, 50 queues, no limits", 1_000, 50)),
            ("single", Scene("1,000 jobs, 1 queue, no limits", 1_000, 1)),
        )
    ]
    backlogs = [limited, same_queues, one_queue]
    for backlog in backlogs:
        began = time.perf_counter()
        await backlog.set_up()
        print(f"{backlog.scene.title}: filled in {time.perf_counter() - began:.0f} s", flush=True)
    for slots in (1, 50, 100):
        times = await limited.claims(slots)
        print(
            f"claim, {slots} slots: p50 {statistics.median(times):.2f}"
            f" p99 {percentile(times, 99):.2f} ms of Redis' CPU"
        )
    await names(server)
    rates: dict[str, list[Figures]] = {backlog.scene.title: [] for backlog in backlogs}
    for _ in range(rounds):
        for backlog in backlogs:
            rates[backlog.scene.title].append(await backlog.drain())
    for title, figures in rates.items():
        _report(title, figures, rates[limited.scene.title])


async def names(server: Server) -> None:
    """Five busy queues, without and with 10,000 other queues whose jobs the worker cannot run."""
    few = Backlog(server, "few-names", Scene("5 queues", 3 * CLAIMS, 5))
    many = Backlog(server, "many-names", Scene("5 of 10,005 queues", 3 * CLAIMS, 5))
    await few.set_up()
    await many.set_up()
    await many.add_idle(10_000)
    one, other = [statistics.median(await backlog.claims(1)) for backlog in (few, many)]
    print(f"claim, 1 slot: {one:.2f} ms with 5 names, {other:.2f} with 10,005: {other / one:.2f} times")


def _report(title: str, figures: Sequence[Figures], limited: Sequence[Figures]) -> None:
    rate, worker_us, redis_us = [
        statistics.median(column)
        for column in zip(
            *[(each.figure, each.cpu_us["worker"], each.cpu_us["Redis"]) for each in figures], strict=True
        )
    ]
    ratios = [one.figure / other.figure for one, other in zip(limited, figures, strict=True)]
    print(
        f"{title}: {rate:,.0f}/s, CPU us/job: worker {worker_us:.0f}, Redis {redis_us:.0f};"
        f" with limits {statistics.median(ratios):.0%} of it ({min(ratios):.0%} to {max(ratios):.0%})"
    )


async def run(jobs: int, rounds: int) -> None:
    async with Bench() as bench, bench.server() as server:
        await measure(server, jobs, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    asyncio.run(run(given.jobs, given.rounds))


if __name__ == "__main__":
    main()
