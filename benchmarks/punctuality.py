"""Measures how late an idle worker starts delayed jobs, and how much of a smooth rate one worker reaches."""

import asyncio
import os
import statistics
from pathlib import Path
from typing import Any

from benchmarks.drain import NAMESPACE, worker
from benchmarks.processes import until
from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.limits import RateLimit
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace

JOBS, APART_MS = 200, 37
RATES = (1, 10, 100, 1_000)
#: Duration of the measurement of each rate.
SECONDS = 5


async def measure(redis: Any, url: str) -> tuple[tuple[float, float], dict[int, float]]:
    """Lateness in milliseconds, p50 and p99; and the share of each rate per second that it reached."""
    await redis.flushall()
    namespace = Namespace(redis, NAMESPACE, 0)
    ids = IdFactory(Clock().now_ms, os.urandom)

    async def known() -> bool:
        return len(await namespace.workers.alive()) == 1

    async def run(specs: list[JobSpec]) -> list[Any]:
        """Submit the jobs, and return them when all have finished."""
        submissions = [Submission(ids.new("job"), spec) for spec in specs]
        for first in range(0, len(submissions), 500):
            await namespace.jobs.submit(submissions[first : first + 500])
        names = [submission.id for submission in submissions]

        async def ended() -> bool:
            return all(job.state is State.SUCCEEDED for job in await namespace.queries.jobs(names))

        await until(ended)
        return await namespace.queries.jobs(names)

    async with worker(url, Path("/dev/null")):
        await until(known)
        await run([JobSpec(name="noop")])
        jobs = await run([JobSpec(name="noop", delay_ms=500 + APART_MS * i) for i in range(JOBS)])
        late = [job.started_at - job.run_at for job in jobs]
        shares: dict[int, float] = {}
        for rate in RATES:
            queue = f"smooth-{rate}"
            await namespace.queues.configure(queue, {"rate_limit": RateLimit(rate, 1_000, smooth=True)})
            jobs = await run([JobSpec(name="noop", queue=queue) for _ in range(rate * SECONDS + 1)])
            starts = sorted(job.started_at for job in jobs)
            shares[rate] = rate * SECONDS / rate * 1000 / (starts[-1] - starts[0])
            await asyncio.sleep(0.2)
    return (statistics.median(late), statistics.quantiles(late, n=100)[98]), shares
