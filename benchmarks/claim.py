"""Measures the cost of a long queue with limits: the duration of a claim, and how fast a worker drains it."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.drain import worker
from benchmarks.processes import cpu_seconds, redis_cpu_seconds, until
from benchmarks.scenes import Scene
from service.domain.job_spec import JobSpec
from service.domain.outcome import Succeeded, settle
from service.store.jobs import Submission
from service.store.leases import ClaimRequest, Finish
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer

#: Jobs per drain, and how many of the first and of the last ones are not measured.
DRAINED, MARGIN = 20_000, 2_000
CLAIMS = 200


class Rate(NamedTuple):
    """CPU is per job, in microseconds."""

    per_second: float
    worker_us: float
    redis_us: float


class Measurement:
    """The measurements of one scene."""

    def __init__(self, redis: Any, url: str, name: str, scene: Scene) -> None:
        self.scene = scene
        self.rates: list[Rate] = []
        self._redis, self._url, self._name = redis, url, name
        self._stores = Namespace(redis, name, 0)
        self._credits = b""
        self._claims = 0

    async def set_up(self) -> None:
        began = time.perf_counter()
        await self.scene.set_up(self._stores)
        print(f"{self.scene.title}: filled in {time.perf_counter() - began:.0f} s", flush=True)

    async def add_idle(self, queues: int) -> None:
        """Add queues with one job each, of a type that no worker knows."""
        self._stores.scripts.max_queues = 2 * queues
        for start in range(0, queues, 500):
            specs = [JobSpec("unknown", queue=f"idle-{start + place}") for place in range(500)]
            await self._stores.jobs.submit(
                [Submission(f"job_{start + place:026d}", spec) for place, spec in enumerate(specs)]
            )

    async def claims(self, slots: int) -> list[float]:
        """CPU milliseconds of Redis for each claim; finishes the claimed jobs, like a worker."""
        times: list[float] = []
        for _ in range(CLAIMS):
            self._claims += 1
            before = await self._main_thread()
            request = ClaimRequest(
                "wk_1",
                f"cl_{self._claims}",
                "bench",
                600_000,
                slots,
                {"*": 1},
                {"noop": None},
                self._credits,
            )
            claim = await self._stores.leases.claim(request)
            times.append((await self._main_thread() - before) * 1000)
            self._credits = claim.credits
            await self._stores.leases.finish(
                [
                    Finish(lease, settle(lease.job, Succeeded(b"{}"), 0, lambda: 0.5), "wk_1", 0, 1)
                    for lease in claim.leases
                ]
            )
        return times

    async def drain(self) -> None:
        """A worker with concurrency 100 runs 20,000 jobs, which are added first if the queue is short."""
        if self.scene.jobs < 10 * DRAINED:
            await self.scene.add(self._stores, DRAINED)
        finished = f"{self._stores.scripts.prefix}retention"
        before = await self._redis.zcard(finished)

        async def reached(count: int) -> bool:
            return await self._redis.zcard(finished) >= before + count

        async with worker(self._url, Path("/dev/null"), namespace=self._name) as process:
            began = await until(lambda: reached(MARGIN))
            worker_cpu, redis_cpu = cpu_seconds(process.pid), await redis_cpu_seconds(self._redis)
            first = await self._redis.zcard(finished)
            ended = await until(lambda: reached(DRAINED - MARGIN))
            worker_cpu = cpu_seconds(process.pid) - worker_cpu
            redis_cpu = await redis_cpu_seconds(self._redis) - redis_cpu
            jobs = await self._redis.zcard(finished) - first
        self.rates.append(Rate(jobs / (ended - began), worker_cpu / jobs * 1e6, redis_cpu / jobs * 1e6))

    async def _main_thread(self) -> float:
        """CPU seconds of the thread that runs scripts, which other processes do not affect."""
        used = await self._redis.info("cpu")
        return float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])


async def measure(url: str, jobs: int, rounds: int) -> None:
    redis: Any = connect(url, socket_timeout=60)
    # A rewrite of the append-only file would occupy a core for seconds, at a random time.
    await redis.config_set("auto-aof-rewrite-percentage", "0")
    limited = Measurement(
        redis,
        url,
        "limited",
        Scene(f"{jobs:,} jobs, 10,000 limit keys, 50 queues, limits on all", jobs, 50, 10_000),
    )
    same_queues = Measurement(redis, url, "free", Scene("1,000 jobs, 50 queues, no limits", 1_000, 50))
    one_queue = Measurement(redis, url, "single", Scene("1,000 jobs, 1 queue, no limits", 1_000, 1))
    scenes = [limited, same_queues, one_queue]
    for measured in scenes:
        await measured.set_up()
    for slots in (1, 50, 100):
        times = await limited.claims(slots)
        print(
            f"claim, {slots} slots: p50 {statistics.median(times):.2f}"
            f" p99 {statistics.quantiles(times, n=100)[98]:.2f} ms of Redis' CPU"
        )
    await names(redis, url)
    for _ in range(rounds):
        for measured in scenes:
            await measured.drain()
    for measured in scenes:
        _report(measured, limited.rates)
    await redis.aclose()


async def names(redis: Any, url: str) -> None:
    """Five busy queues, without and with 10,000 other queues whose jobs the worker cannot run."""
    few = Measurement(redis, url, "few-names", Scene("5 queues", 3 * CLAIMS, 5))
    many = Measurement(redis, url, "many-names", Scene("5 of 10,005 queues", 3 * CLAIMS, 5))
    await few.set_up()
    await many.set_up()
    await many.add_idle(10_000)
    one, other = [statistics.median(await measured.claims(1)) for measured in (few, many)]
    print(f"claim, 1 slot: {one:.2f} ms with 5 names, {other:.2f} with 10,005: {other / one:.2f} times")


def _report(measured: Measurement, limited: Sequence[Rate]) -> None:
    rate = Rate(*(statistics.median(column) for column in zip(*measured.rates, strict=True)))
    ratios = [one.per_second / other.per_second for one, other in zip(limited, measured.rates, strict=True)]
    print(
        f"{measured.scene.title}: {rate.per_second:,.0f}/s,"
        f" CPU us/job: worker {rate.worker_us:.0f}, Redis {rate.redis_us:.0f};"
        f" with limits {statistics.median(ratios):.0%} of it ({min(ratios):.0%} to {max(ratios):.0%})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory) / "redis") as server:
        asyncio.run(measure(server.url, given.jobs, given.rounds))


if __name__ == "__main__":
    main()
