"""Measures the memory of a queued job, and the size of the append-only file per job."""

from functools import partial

from benchmarks.bench import Bench, Server
from benchmarks.processes import until
from benchmarks.row import Figures, Row, at_most
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.system import System
from benchmarks.systems.triage import Triage

JOBS = 20_000
#: The first jobs, which also add scripts and shared keys, do not count.
FIRST = 10


async def memory(bench: Bench, system: type[System]) -> Figures:
    async with bench.server() as server:
        queue = system()
        await queue.submit(server, "noop", FIRST)
        before = (await server.redis.info("memory"))["used_memory"]
        await queue.submit(server, "noop", JOBS)
        after = (await server.redis.info("memory"))["used_memory"]
    return Figures((after - before) / JOBS)


async def append_only(bench: Bench, system: type[System]) -> Figures:
    async with bench.server() as server:
        queue = system()
        await queue.submit(server, "noop", FIRST)
        before = _append_only_bytes(server)
        await queue.submit(server, "noop", JOBS)
        submitted = _append_only_bytes(server)

        async def done() -> bool:
            return await queue.finished(server) >= JOBS + FIRST

        async with queue.worker(server, server.directory / "notes"):
            await until(done)
            after = _append_only_bytes(server)
    return Figures((after - before) / JOBS, also={"bytes of the submission": (submitted - before) / JOBS})


def _append_only_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in (server.directory / "appendonlydir").iterdir())


ROWS = (
    Row(
        "memory",
        "memory per queued job",
        "bytes",
        f"`used_memory` of Redis per job, {JOBS:,} queued jobs of 200 bytes",
        {"Triage": partial(memory, system=Triage), "BullMQ": partial(memory, system=BullMQ)},
        (at_most(1.0, "BullMQ"),),
    ),
    Row(
        "append-only",
        "append-only file per job",
        "bytes",
        f"growth of the file per job, {JOBS:,} jobs of 200 bytes from bulk submission to end",
        {"Triage": partial(append_only, system=Triage), "BullMQ": partial(append_only, system=BullMQ)},
        (at_most(1.0, "BullMQ"),),
    ),
)
