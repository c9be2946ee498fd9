"""Sends requests with wrk, or with a client in Python, which takes more CPU time from the server."""

import asyncio
import time
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.processes import ROOT, run
from benchmarks.summary import percentile
from benchmarks.systems.system import INSTALLED

WRK = INSTALLED / "wrk/wrk"
_SCRIPT = ROOT / "benchmarks/load/wrk.lua"


class Load(NamedTuple):
    """The results of many requests; latencies are per request, in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    failed: int


def generator() -> str:
    return "wrk" if WRK.exists() else "a client in Python"


async def send(url: str, body: Path, connections: int, seconds: int) -> Load:
    """Post the body over and over again; raises unless every request succeeds."""
    if WRK.exists():
        command = [WRK, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", _SCRIPT, url]
        load = Load(**orjson.loads((await run(command, BENCH_BODY=str(body))).splitlines()[-1]))
    else:
        load = await _send(url, body, connections, seconds)
    if load.failed:
        raise RuntimeError(f"{url}: {load.failed} of {load.requests} requests failed")
    return load


async def _send(url: str, file: Path, connections: int, seconds: float) -> Load:
    body = file.read_bytes()
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    request = (
        f"POST /{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    began = time.monotonic()
    clients = [_client(host, int(port), request, began + seconds) for _ in range(connections)]
    latencies = [latency for each in await asyncio.gather(*clients) for latency in each]
    elapsed = time.monotonic() - began
    return Load(len(latencies), elapsed, percentile(latencies, 50), percentile(latencies, 99), 0)


async def _client(host: str, port: int, request: bytes, until: float) -> list[float]:
    """The latency of each request, in seconds."""
    reader, writer = await asyncio.open_connection(host, port)
    latencies: list[float] = []
    while (began := time.monotonic()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        latencies.append(time.monotonic() - began)
    writer.close()
    return latencies
