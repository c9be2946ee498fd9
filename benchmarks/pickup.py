"""Measures the time from a submission to the first line of the handler on an idle worker."""

import asyncio
import os
import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.drain import NAMESPACE, worker
from benchmarks.processes import notes, until
from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.store.jobs import Submission
from service.store.namespace import Namespace

JOBS, PAUSE = 300, 0.03


async def measure(redis: Any, url: str, out: Path) -> tuple[float, float]:
    """p50 and p99, in seconds."""
    await redis.flushall()
    namespace = Namespace(redis, NAMESPACE, 0)
    ids = IdFactory(Clock().now_ms, os.urandom)

    async def send() -> None:
        payload = b'{"sent":%r}' % time.monotonic()
        await namespace.jobs.submit([Submission(ids.new("job"), JobSpec(name="noop", payload=payload))])

    async def known() -> bool:
        return len(await namespace.workers.alive()) == 1

    async def done() -> bool:
        return len(notes(out)) == JOBS + 1

    async with worker(url, out):
        await until(known)
        await send()
        await asyncio.sleep(1)
        for _ in range(JOBS):
            await send()
            await asyncio.sleep(PAUSE)
        await until(done)
    waits = [note.began - note.sent for note in notes(out)[1:]]
    return statistics.median(waits), statistics.quantiles(waits, n=100)[98]
