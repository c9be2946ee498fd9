"""Measures the load of an idle worker on Redis."""

import asyncio
from pathlib import Path
from typing import Any

from benchmarks.drain import NAMESPACE, worker
from benchmarks.processes import commands, until
from service.store.namespace import Namespace

SECONDS = 60


async def measure(redis: Any, url: str) -> tuple[float, float]:
    """Commands per second: that the worker sends, and that Redis runs, including commands in scripts."""
    await redis.flushall()
    namespace = Namespace(redis, NAMESPACE, 0)

    async def known() -> bool:
        return len(await namespace.workers.alive()) == 1

    async with worker(url, Path("/dev/null")):
        await until(known)
        await asyncio.sleep(5)
        sent, ran = await commands(redis)
        await asyncio.sleep(SECONDS)
        sent_after, ran_after = await commands(redis)
    # Reading the counters takes two commands each time.
    return (sent_after - sent - 2) / SECONDS, (ran_after - ran - 2) / SECONDS
