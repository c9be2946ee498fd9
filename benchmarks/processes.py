"""Starts what is measured, and reads what Redis counted."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any


@contextlib.asynccontextmanager
async def process(arguments: list[str], **environment: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    started = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.terminate()
        await asyncio.to_thread(started.wait, 20)


async def until(
    condition: Callable[[], Awaitable[bool]], seconds: float = 120, pause: float = 0.005
) -> float:
    """Monotonic time at which the condition held."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark did not get on")
        await asyncio.sleep(pause)
    return time.monotonic()


def notes(path: Path) -> list[tuple[float, float]]:
    """(began, sent) of each noted run."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [(float(began), float(sent)) for began, sent in (line.split() for line in lines)]


async def commands(redis: Any) -> tuple[int, int]:
    """Commands that clients sent, and all that ran, those inside scripts included."""
    stats = await redis.info("commandstats")
    inner = (
        "time",
        "hset",
        "hget",
        "hmget",
        "hgetall",
        "zadd",
        "zrem",
        "zrange",
        "zrangebyscore",
        "smembers",
        "exists",
        "get",
        "set",
    )
    sent = sum(row["calls"] for name, row in stats.items() if name.removeprefix("cmdstat_") not in inner)
    return sent, int((await redis.info("stats"))["total_commands_processed"])
