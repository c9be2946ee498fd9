"""Measures the load of an idle worker on Redis."""

import asyncio
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bench import Bench
from benchmarks.processes import cpu_seconds, notes, until
from benchmarks.row import Figures, Row, own_at_most
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.system import System
from benchmarks.systems.triage import Triage

SETTLE_SECONDS, SECONDS = 4, 15


async def idle(bench: Bench, system: type[System]) -> Figures:
    async with bench.server() as server:
        queue, out = system(), server.directory / "notes"
        async with queue.worker(server, out) as running:
            # A worker that has run a job has started.
            await queue.submit(server, "spaced", 1, apart=0)
            await until(lambda: _ran(out))
            await asyncio.sleep(SETTLE_SECONDS)
            used = cpu_seconds(running.pid)
            sent = await _sent(server.redis)
            used = cpu_seconds(running.pid) - used
    return Figures(sent / SECONDS, also={"% of a core": used / SECONDS * 100})


async def _ran(out: Path) -> bool:
    return bool(notes(out))


async def _sent(redis: Any) -> int:
    """Commands that clients send within the time, without the commands in scripts."""
    sent = 0
    async with redis.monitor() as monitor:
        with suppress(TimeoutError):
            async with asyncio.timeout(SECONDS):
                async for command in monitor.listen():
                    sent += command["client_type"] != "lua"
    return sent


ROWS = (
    Row(
        "idle",
        "commands of an idle worker",
        "per second",
        f"commands that one worker sends to Redis in {SECONDS} s without work",
        {"Triage": partial(idle, system=Triage), "BullMQ": partial(idle, system=BullMQ)},
        (own_at_most(1.0, "BullMQ"),),
    ),
)
