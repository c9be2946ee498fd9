"""Measures a fan-out against plain jobs, and a flow against a flow of BullMQ."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx
import orjson

from benchmarks.bench import Bench, Server
from benchmarks.ports import free_port, listens
from benchmarks.processes import cpu_seconds, notes, redis_cpu_seconds, until
from benchmarks.row import Figures, Row, at_least, at_most
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.triage import TEXT, Triage, api

ITEMS, BULK = 100_000, 1_000
FLOW, FLOWS = 1_000, 5
JSON = {"Content-Type": "application/json"}


class Service(NamedTuple):
    """An API and a worker on a new server."""

    server: Server
    http: httpx.AsyncClient
    pids: dict[str, int]

    async def workers(self) -> int:
        return len((await self.http.get("/v1/workers")).json()["items"])

    async def used(self) -> dict[str, float]:
        cpu = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        return {**cpu, "Redis": await redis_cpu_seconds(self.server.redis)}


@asynccontextmanager
async def service(bench: Bench) -> AsyncGenerator[Service]:
    port = free_port()
    async with (
        bench.server() as server,
        api(server.url, port) as api_process,
        Triage().worker(server, server.directory / "notes") as worker,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120, headers=JSON) as http,
    ):
        await until(lambda: listens(port))
        running = Service(server, http, {"worker": worker.pid, "API": api_process.pid})

        async def ready() -> bool:
            return await running.workers() == 1

        await until(ready)
        yield running


async def _cost(bench: Bench, work: Callable[[Service], Awaitable[None]]) -> Figures:
    """Microseconds per job, where `work` submits ITEMS jobs and waits until they have finished."""
    async with service(bench) as running:
        used, began = await running.used(), time.monotonic()
        await work(running)
        seconds, used_after = time.monotonic() - began, await running.used()
    cpu = {name: (used_after[name] - before) / ITEMS * 1e6 for name, before in used.items()}
    return Figures(seconds / ITEMS * 1e6, cpu)


async def fan_out(bench: Bench) -> Figures:
    body = orjson.dumps({"template": {"name": "noop"}, "items": [{"text": TEXT}] * ITEMS})

    async def work(running: Service) -> None:
        (await running.http.post("/v1/fan-outs", content=body)).raise_for_status()

        async def done() -> bool:
            row = (await running.http.get("/v1/fan-outs", params={"limit": 1})).json()["items"][0]
            return row["state"] == "succeeded" and row["counts"]["succeeded"] == ITEMS

        await until(done, 600, 0.05)

    return await _cost(bench, work)


async def plain(bench: Bench) -> Figures:
    body = orjson.dumps({"jobs": [{"name": "noop", "payload": {"text": TEXT}}] * BULK})

    async def work(running: Service) -> None:
        left = iter(range(ITEMS // BULK))

        async def caller() -> None:
            for _ in left:
                (await running.http.post("/v1/jobs/bulk", content=body)).raise_for_status()

        await asyncio.gather(caller(), caller())

        async def done() -> bool:
            return await Triage().finished(running.server) == ITEMS

        await until(done, 600, 0.05)

    return await _cost(bench, work)


async def flow(bench: Bench) -> Figures:
    """Jobs per second, with one flow after another."""
    jobs: dict[str, object] = {f"j{n}": {"job": {"name": "noop"}} for n in range(FLOW - 1)}
    async with service(bench) as running:
        out = running.server.directory / "notes"
        seconds = 0.0
        for _ in range(FLOWS):
            began = time.monotonic()
            last = {"job": {"name": "noop", "payload": {"sent": began}}, "depends_on": list(jobs)}
            body = orjson.dumps({"name": "fan-in", "jobs": {**jobs, "last": last}})
            (await running.http.post("/v1/flows", content=body)).raise_for_status()

            async def started(sent: float = began) -> bool:
                return any(note.sent == sent for note in notes(out))

            await until(started)
            seconds += next(note.began for note in notes(out) if note.sent == began) - began
    return Figures(FLOW * FLOWS / seconds)


async def bullmq_flow(bench: Bench) -> Figures:
    seconds = 0.0
    async with bench.server() as server:
        queue, out = BullMQ(), server.directory / "notes"
        async with queue.worker(server, out):
            for number in range(FLOWS):
                await queue.submit(server, "flow", FLOW)

                async def started(count: int = number + 1) -> bool:
                    return sum(note.sent > 0 for note in notes(out)) == count

                await until(started)
        seconds = sum(note.began - note.sent for note in notes(out) if note.sent)
    return Figures(FLOW * FLOWS / seconds)


ROWS = (
    Row(
        "fan-out",
        f"fan-out of {ITEMS:,} items",
        "us per item",
        f"one request with {ITEMS:,} items until all have run and are counted, one API and one worker; the"
        f" same number of plain jobs in requests of {BULK:,}, two at a time",
        {"fan-out": fan_out, "plain jobs": plain},
        (at_most(1.3, "plain jobs"),),
    ),
    Row(
        "flow",
        f"flow of {FLOW:,} jobs",
        "jobs/s",
        f"{FLOW - 1} jobs and one that depends on them all, from the submission to the first line of the last"
        f" job, {FLOWS} flows in turn; Triage over HTTP, BullMQ with `FlowProducer` in the client's process",
        {"Triage": flow, "BullMQ": bullmq_flow},
        (at_least(1.0, "BullMQ"),),
    ),
)
