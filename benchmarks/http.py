"""Submissions over HTTP: one API process, 32 keep-alive connections."""

import asyncio
import time
from typing import Any

from benchmarks.processes import process, until
from tests.e2e.processes import free_port

CONNECTIONS, REQUESTS = 32, 20_000
BODY = b'{"name":"noop","payload":{"text":"%s"}}' % (b"x" * 180)


async def measure(redis: Any, url: str) -> tuple[float, float]:
    """Submissions per second, and script calls per submission."""
    await redis.flushall()
    port = free_port()
    request = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        % len(BODY)
    )

    async def ready() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    code = "from service.cli import main; main()"
    settings = {"TRIAGE_REDIS_URL": url, "TRIAGE_AUTH": "off", "TRIAGE_PORT": str(port)}
    async with process(["-c", code, "api"], **settings):
        await until(ready)
        await asyncio.gather(*[_client(port, request + BODY, 20) for _ in range(CONNECTIONS)])
        before = await _calls(redis)
        began = time.monotonic()
        await asyncio.gather(
            *[_client(port, request + BODY, REQUESTS // CONNECTIONS) for _ in range(CONNECTIONS)]
        )
        seconds = time.monotonic() - began
        calls = await _calls(redis) - before
    return REQUESTS / seconds, calls / REQUESTS


async def _calls(redis: Any) -> int:
    return int((await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0))


async def _client(port: int, request: bytes, count: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
    writer.close()
