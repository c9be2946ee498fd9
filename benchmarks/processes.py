"""Starts processes to measure, and reads counters of Redis."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple


@contextlib.asynccontextmanager
async def process(arguments: list[str], **environment: str) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
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
    """Wait for the condition; returns the monotonic time at which it was true."""
    deadline = time.monotonic() + seconds
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark did not get on")
        await asyncio.sleep(pause)
    return time.monotonic()


class Note(NamedTuple):
    """One noted run: when it began and was submitted (monotonic), and the CPU time of its process by then."""

    began: float
    sent: float
    cpu: float


def notes(path: Path) -> list[Note]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [Note(*map(float, line.split())) for line in lines]


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads of a process, in user and in kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def redis_cpu_seconds(redis: Any) -> float:
    """CPU time of the server, without the subprocesses that rewrite the append-only file."""
    used = await redis.info("cpu")
    return float(used["used_cpu_sys"] + used["used_cpu_user"])


async def commands(redis: Any) -> tuple[int, int]:
    """Commands that clients have sent, and all that Redis has run, including commands in scripts."""
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
