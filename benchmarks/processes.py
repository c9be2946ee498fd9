"""Starts processes to measure, and reads their CPU time."""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent


@contextlib.asynccontextmanager
async def program(
    command: Sequence[str | Path], **environment: str
) -> AsyncGenerator[subprocess.Popen[bytes]]:
    """A process that ends with the block."""
    started = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.terminate()
        await asyncio.to_thread(started.wait, 20)


def process(
    arguments: list[str], **environment: str
) -> contextlib.AbstractAsyncContextManager[subprocess.Popen[bytes]]:
    """A Python process that ends with the block."""
    return program([sys.executable, *arguments], **environment)


async def run(command: Sequence[str | Path], **environment: str) -> bytes:
    """Run a program until it exits; returns its output."""
    running = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=ROOT, env={**os.environ, **environment}, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await running.communicate()
    if running.returncode:
        raise RuntimeError(f"{command[0]} failed with exit code {running.returncode}")
    return output


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
    """CPU time of all threads of a process and its subprocesses, in user and in kernel mode."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    children = (folder / f"task/{pid}/children").read_text().split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return own + sum(cpu_seconds(int(child)) for child in children)


async def redis_cpu_seconds(redis: Any) -> float:
    """CPU time of the server, without the subprocesses that rewrite the append-only file."""
    used = await redis.info("cpu")
    return float(used["used_cpu_sys"] + used["used_cpu_user"])
