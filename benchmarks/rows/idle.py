"""What an idle worker costs Redis."""

import asyncio
from functools import partial
from typing import Any

from benchmarks.bench import Bench
from benchmarks.processes import cpu_seconds
from benchmarks.row import Figures, Row, own_at_most
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.system import System
from benchmarks.systems.triage import Triage

SETTLE_SECONDS, SECONDS = 4, 12


async def idle(bench: Bench, system: type[System]) -> Figures:
    async with bench.server() as server, system().worker(server, server.directory / "notes") as running:
        await asyncio.sleep(SETTLE_SECONDS)
        before, used = await _sent(server.redis), cpu_seconds(running.pid)
        await asyncio.sleep(SECONDS)
        after, used = await _sent(server.redis), cpu_seconds(running.pid) - used
    return Figures((after - before) / SECONDS, also={"% of a core": used / SECONDS * 100})


async def _sent(redis: Any) -> int:
    """Commands that the clients other than this one have sent; those inside scripts are not among them."""
    own = await redis.client_id()
    return sum(int(client["tot-cmds"]) for client in await redis.client_list() if int(client["id"]) != own)


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
