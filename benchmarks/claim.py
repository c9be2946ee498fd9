"""What a long queue and its limits cost: how long a claim takes, and how fast a worker drains."""

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

#: Of each drain the first and the last are not measured.
DRAINED, MARGIN = 20_000, 2_000
CLAIMS = 200


class Rate(NamedTuple):
    """CPU is per job, in microseconds."""

    per_second: float
    worker_us: float
    redis_us: float


class Stage:
    """One scene on one server, with what was measured of it."""

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
        """Queues with one job each, of a type that no worker knows."""
        self._stores.scripts.max_queues = 2 * queues
        for start in range(0, queues, 500):
            specs = [JobSpec("unknown", queue=f"idle-{start + place}") for place in range(500)]
            await self._stores.jobs.submit(
                [Submission(f"job_{start + place:026d}", spec) for place, spec in enumerate(specs)]
            )

    async def claims(self, slots: int) -> list[float]:
        """CPU milliseconds of Redis for each claim; what is claimed is finished, as a worker would."""
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
        """A worker with concurrency 100 takes 20,000 jobs; to a short queue as many are added first."""
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
        """CPU seconds of the thread that runs scripts: what other processes do is not in them."""
        used = await self._redis.info("cpu")
        return float(used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])


async def measure(url: str, jobs: int, rounds: int) -> None:
    redis: Any = connect(url, socket_timeout=60)
    # A rewrite of the append-only file takes a core of its own for seconds, at a time that nobody chose.
    await redis.config_set("auto-aof-rewrite-percentage", "0")
    limited = Stage(
        redis,
        url,
        "limited",
        Scene(f"{jobs:,} jobs, 10,000 limit keys, 50 queues, limits on all", jobs, 50, 10_000),
    )
    same_queues = Stage(redis, url, "free", Scene("1,000 jobs, 50 queues, no limits", 1_000, 50))
    one_queue = Stage(redis, url, "single", Scene("1,000 jobs, 1 queue, no limits", 1_000, 1))
    stages = [limited, same_queues, one_queue]
    for stage in stages:
        await stage.set_up()
    for slots in (1, 50, 100):
        times = await limited.claims(slots)
        print(
            f"claim, {slots} slots: p50 {statistics.median(times):.2f}"
            f" p99 {statistics.quantiles(times, n=100)[98]:.2f} ms of Redis' CPU"
        )
    await names(redis, url)
    for _ in range(rounds):
        for stage in stages:
            await stage.drain()
    for stage in stages:
        _report(stage, limited.rates)
    await redis.aclose()


async def names(redis: Any, url: str) -> None:
    """The same five busy queues, with and without 10,000 others whose jobs the worker cannot run."""
    few = Stage(redis, url, "few-names", Scene("5 queues", 3 * CLAIMS, 5))
    many = Stage(redis, url, "many-names", Scene("5 of 10,005 queues", 3 * CLAIMS, 5))
    await few.set_up()
    await many.set_up()
    await many.add_idle(10_000)
    one, other = [statistics.median(await stage.claims(1)) for stage in (few, many)]
    print(f"claim, 1 slot: {one:.2f} ms with 5 names, {other:.2f} with 10,005: {other / one:.2f} times")


def _report(stage: Stage, limited: Sequence[Rate]) -> None:
    rate = Rate(*(statistics.median(column) for column in zip(*stage.rates, strict=True)))
    ratios = [one.per_second / other.per_second for one, other in zip(limited, stage.rates, strict=True)]
    print(
        f"{stage.scene.title}: {rate.per_second:,.0f}/s,"
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
