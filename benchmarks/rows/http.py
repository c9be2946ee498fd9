"""Measures submissions over HTTP to one API process, and the same requests to other applications."""

from contextlib import AbstractAsyncContextManager
from functools import partial
from subprocess import Popen
from typing import Protocol

from benchmarks.bench import Bench, Server
from benchmarks.load.generator import send
from benchmarks.ports import free_port, listens
from benchmarks.processes import cpu_seconds, program, redis_cpu_seconds, until
from benchmarks.row import Figures, Row, at_least
from benchmarks.systems import bullmq, triage
from benchmarks.systems.arq import PYTHON
from benchmarks.systems.bullmq import BullMQ

CONNECTIONS, WARM_UP_SECONDS, SECONDS = 32, 1, 4
BULK_CONNECTIONS, BULK, BULK_SECONDS = 2, 1_000, 3
#: For BullMQ, which has no HTTP API.
BULK_JOBS = 50_000
JOB = b'{"name":"noop","payload":%s}' % triage.PAYLOAD


class Start(Protocol):
    def __call__(self, url: str, port: int) -> AbstractAsyncContextManager[Popen[bytes]]: ...


def _fastify(url: str, port: int) -> AbstractAsyncContextManager[Popen[bytes]]:
    return bullmq.start("server.js", url, BENCH_PORT=str(port))


def _uvicorn(url: str, port: int, app: str) -> AbstractAsyncContextManager[Popen[bytes]]:
    options = ["--port", str(port), "--no-access-log", "--log-level", "error"]
    return program([PYTHON, "-m", "uvicorn", f"benchmarks.peers.{app}:app", *options], BENCH_REDIS=url)


async def _load(
    server: Server, start: Start, path: str, body: bytes, connections: int, seconds: int, jobs: int
) -> Figures:
    port = free_port()
    file = server.directory / "body.json"
    file.write_bytes(body)
    url = f"http://127.0.0.1:{port}{path}"
    async with start(server.url, port) as running:
        await until(lambda: listens(port))
        await send(url, file, connections, WARM_UP_SECONDS)
        used, redis_used = cpu_seconds(running.pid), await redis_cpu_seconds(server.redis)
        load = await send(url, file, connections, seconds)
        used = cpu_seconds(running.pid) - used
        redis_used = await redis_cpu_seconds(server.redis) - redis_used
    if not load.requests:
        raise RuntimeError(f"{path}: no response within {seconds} s")
    total = load.requests * jobs
    return Figures(
        total / load.seconds,
        {"API": used / total * 1e6, "Redis": redis_used / total * 1e6},
        {"ms p50": load.p50 * 1000, "ms p99": load.p99 * 1000},
    )


async def single(bench: Bench, start: Start) -> Figures:
    """One job a request."""
    async with bench.server() as server:
        return await _load(server, start, "/v1/jobs", JOB, CONNECTIONS, SECONDS, 1)


async def bulk(bench: Bench) -> Figures:
    """1,000 jobs a request."""
    body = b'{"jobs":[%s]}' % b",".join([JOB] * BULK)
    async with bench.server() as server:
        return await _load(server, triage.api, "/v1/jobs/bulk", body, BULK_CONNECTIONS, BULK_SECONDS, BULK)


async def add_bulk(bench: Bench) -> Figures:
    """`addBulk` of BullMQ, in the client's process."""
    async with bench.server() as server:
        used = await redis_cpu_seconds(server.redis)
        sent = await BullMQ().submit(server, "noop", BULK_JOBS)
        used = await redis_cpu_seconds(server.redis) - used
    return Figures(
        BULK_JOBS / sent.seconds, {"API": sent.cpu / BULK_JOBS * 1e6, "Redis": used / BULK_JOBS * 1e6}
    )


ROWS = (
    Row(
        "http",
        "`POST /v1/jobs`",
        "jobs/s",
        f"one API process, {CONNECTIONS} connections, a payload of 200 bytes; Fastify calls BullMQ's `add`;"
        " FastAPI calls stock arq's `enqueue_job`, or reads one pydantic model and stores nothing; the bare"
        " ASGI function reads the body and responds",
        {
            "Triage": partial(single, start=triage.api),
            "Fastify and BullMQ": partial(single, start=_fastify),
            "FastAPI and arq": partial(single, start=partial(_uvicorn, app="fastapi.enqueue")),
            "FastAPI, a model": partial(single, start=partial(_uvicorn, app="fastapi.model")),
            "bare ASGI": partial(single, start=partial(_uvicorn, app="bare.app")),
        },
        (
            at_least(0.8, "Fastify and BullMQ"),
            at_least(4.0, "FastAPI and arq"),
            at_least(1.3, "FastAPI, a model"),
            at_least(0.3, "bare ASGI"),
        ),
    ),
    Row(
        "bulk",
        "`POST /v1/jobs/bulk`",
        "jobs/s",
        f"requests of {BULK:,} jobs of 200 bytes, two at a time; BullMQ's `addBulk` without HTTP, in the"
        f" client's process, also {BULK:,} jobs a call and two at a time",
        {"Triage": bulk, "BullMQ addBulk": add_bulk},
        (at_least(1.0, "BullMQ addBulk"),),
    ),
)
