"""What a claim costs: a million jobs, 10,000 limit keys and 50 queues beside 1,000 jobs without limits."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from service.domain.job import JobSpec
from service.domain.limits import KeyLimits, RateLimit
from service.domain.outcome import Succeeded, settle
from service.store.connect import connect
from service.store.embedded import EmbeddedServer
from service.store.jobs import Submission
from service.store.leases import Claim, ClaimRequest, Finish
from service.store.stores import Stores

JOBS, KEYS, QUEUES = 1_000_000, 10_000, 50
FEW = 1_000
BATCH = 100
#: Jobs that each measurement starts.
STARTS = 10_000


class Bench:
    """Claims and finishes as a worker does, and what each claim costs Redis in CPU time."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._redis: Any = stores.scripts.redis
        self._numbers = iter(range(1 << 40))
        self._credits: dict[str, int] = {}

    async def fill(self, count: int, keys: int, queues: int) -> None:
        for start in range(0, count, 500):
            await self._stores.jobs.submit(
                [
                    Submission(
                        f"job_{next(self._numbers):026d}",
                        JobSpec(
                            name="noop",
                            queue=f"queue-{number % queues}",
                            limit_key=f"key-{number % keys}" if keys else None,
                        ),
                    )
                    for number in range(start, min(count, start + 500))
                ]
            )

    async def claim(self, slots: int) -> Claim:
        known = {name: (1, credit) for name, credit in self._credits.items()}
        request = ClaimRequest(
            "wk_1",
            f"cl_{next(self._numbers)}",
            "pool",
            600_000,
            slots,
            {"*": (1, 0), **known},
            {"noop": None},
        )
        claim = await self._stores.leases.claim(request)
        self._credits = dict(claim.credits)
        return claim

    async def drain(self, starts: int, slots: int, refill: Any = None) -> tuple[list[float], float]:
        """Milliseconds of each claim, and jobs per second of Redis' time for claims and finishes."""
        times: list[float] = []
        before, done = await self._busy(), 0
        finishing = 0.0
        while done < starts:
            began = await self._busy()
            claim = await self.claim(slots)
            times.append((await self._busy() - began) / 1000)
            if not claim.leases:
                await asyncio.sleep(0.05)
            ends = [
                Finish(lease, settle(lease.job, Succeeded(b"{}"), 0, lambda: 0.5), "wk_1", 0, 1)
                for lease in claim.leases
            ]
            if ends:
                await self._stores.leases.finish(ends)
            done += len(ends)
            if refill is not None:
                finishing += await self._timed(refill, len(ends))
        spent = await self._busy() - before - finishing
        return times, done / (spent / 1e6)

    async def _timed(self, refill: Any, count: int) -> float:
        before = await self._busy()
        await refill(count)
        return await self._busy() - before

    async def _busy(self) -> float:
        """CPU time of the server's main thread in microseconds: other processes do not change it."""
        used = await self._redis.info("cpu")
        return 1e6 * (used["used_cpu_user_main_thread"] + used["used_cpu_sys_main_thread"])


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


async def measure(url: str) -> None:
    redis: Any = connect(url, socket_timeout=60)
    # The disk is not what is measured, and filling would take longer than measuring.
    await redis.config_set("appendonly", "no")
    few = Bench(Stores(redis, "few", 0))
    await few.fill(FEW, 0, 1)

    async def refill(count: int) -> None:
        await few.fill(count, 0, 1)

    base: dict[int, float] = {}
    for slots in (BATCH, 1):
        times, base[slots] = await few.drain(STARTS if slots > 1 else 2_000, slots, refill)
        print(
            f"{FEW:,} jobs, no limits, {slots} at a time:"
            f" claim p99 {_p99(times):.2f} ms, {base[slots]:,.0f} jobs/s of Redis"
        )
    many = Bench(Stores(redis, "many", 0))
    for queue in range(QUEUES):
        await many._stores.queues.configure(  # pyright: ignore[reportPrivateUsage]
            f"queue-{queue}",
            {
                "max_concurrency": 5_000,
                "rate_limit": RateLimit(100_000, 1_000),
                "per_key": KeyLimits(50, RateLimit(100, 1_000)),
            },
        )
    began = time.perf_counter()
    await many.fill(JOBS, KEYS, QUEUES)
    print(f"{JOBS:,} jobs, {KEYS:,} keys, {QUEUES} queues: filled in {time.perf_counter() - began:.0f} s")
    for slots in (BATCH, 1):
        times, rate = await many.drain(STARTS if slots > 1 else 2_000, slots)
        print(
            f"... {slots} at a time: claim p50 {statistics.median(times):.2f} p99 {_p99(times):.2f} ms,"
            f" {rate:,.0f} jobs/s of Redis, {rate / base[slots]:.0%} of the one without"
        )
    await redis.aclose()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory) / "redis") as server:
        asyncio.run(measure(server.url))


if __name__ == "__main__":
    main()
