"""Measures submissions over HTTP, to one API process of Triage and to FastAPI with stock arq."""

import asyncio
import statistics
import time
from contextlib import AbstractAsyncContextManager
from subprocess import Popen
from typing import Any, NamedTuple

from benchmarks.processes import cpu_seconds, process, until
from tests.e2e.processes import free_port

#: A request to /v1/jobs/bulk has 1,000 jobs.
CONNECTIONS, REQUESTS = 32, 10_000
BULK_CONNECTIONS, BULK_REQUESTS, BULK = 2, 30, 1_000
WARM_UP = 20
_JOB = b'{"name":"noop","payload":{"text":"%s"}}' % (b"x" * 180)


class Submissions(NamedTuple):
    """Latencies are per request, in seconds; `cpu_us` of the API and script calls, `trips`, are per job."""

    per_second: float
    p50: float
    p99: float
    cpu_us: float
    trips: float

    def __str__(self) -> str:
        return (
            f"{self.per_second:,.0f} jobs/s, request p50 {self.p50 * 1000:.1f} p99 {self.p99 * 1000:.1f} ms,"
            f" {self.cpu_us:.0f} us of the API's CPU and {self.trips:.3f} script calls a job"
        )


async def triage(redis: Any, url: str) -> Submissions:
    """POST /v1/jobs, one job each."""
    return await _measure(redis, _api(url), _request("/v1/jobs", _JOB), CONNECTIONS, REQUESTS, 1)


async def bulk(redis: Any, url: str) -> Submissions:
    """POST /v1/jobs/bulk, 1,000 jobs each."""
    body = b'{"jobs":[%s]}' % b",".join([_JOB] * BULK)
    request = _request("/v1/jobs/bulk", body)
    return await _measure(redis, _api(url), request, BULK_CONNECTIONS, BULK_REQUESTS, BULK)


async def stock(redis: Any, url: str) -> Submissions:
    """The same body to a FastAPI application that calls enqueue_job."""
    port = free_port()
    app = process(["-m", "benchmarks.stock_http"], BENCH_REDIS=url, BENCH_PORT=str(port))
    return await _measure(redis, (app, port), _request("/v1/jobs", _JOB), CONNECTIONS, REQUESTS, 1)


def _api(url: str) -> tuple[AbstractAsyncContextManager[Popen[bytes]], int]:
    port = free_port()
    code = "from service.cli import main; main()"
    settings = {"TRIAGE_REDIS_URL": url, "TRIAGE_AUTH": "off", "TRIAGE_PORT": str(port)}
    return process(["-c", code, "api"], **settings), port


def _request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def _measure(
    redis: Any,
    server: tuple[AbstractAsyncContextManager[Popen[bytes]], int],
    request: bytes,
    connections: int,
    requests: int,
    jobs: int,
) -> Submissions:
    await redis.flushall()
    app, port = server

    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    async def send(count: int) -> list[float]:
        each = count // connections
        of_each = await asyncio.gather(*[_client(port, request, each) for _ in range(connections)])
        return [latency for latencies in of_each for latency in latencies]

    async with app as running:
        await until(ready)
        await send(min(WARM_UP, requests // 5) * connections)
        calls, used, began = await _calls(redis), cpu_seconds(running.pid), time.monotonic()
        latencies = await send(requests)
        seconds = time.monotonic() - began
        used, calls = cpu_seconds(running.pid) - used, await _calls(redis) - calls
    total = len(latencies) * jobs
    cuts = statistics.quantiles(latencies, n=100)
    return Submissions(total / seconds, cuts[49], cuts[98], used / total * 1e6, calls / total)


async def _calls(redis: Any) -> int:
    return int((await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0))


async def _client(port: int, request: bytes, count: int) -> list[float]:
    """The latency of each request, in seconds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    latencies: list[float] = []
    for _ in range(count):
        began = time.monotonic()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.monotonic() - began)
    writer.close()
    return latencies
