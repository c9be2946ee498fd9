"""Measures chains and fan-ins: the cost per job at two sizes, and the slowest script call."""

import time
from typing import Any

import httpx

from benchmarks.processes import process, until
from tests.e2e.processes import free_port

SIZES = (1_000, 10_000)


def chain(size: int) -> dict[str, Any]:
    job = {"name": "noop", "payload": {}}
    return {f"j{n}": {"job": job, "depends_on": [f"j{n - 1}"] if n else []} for n in range(size)}


def fan_in(size: int) -> dict[str, Any]:
    job = {"name": "noop", "payload": {}}
    leaves: dict[str, Any] = {f"j{n}": {"job": job} for n in range(size - 1)}
    return {**leaves, "last": {"job": job, "depends_on": list(leaves)}}


async def measure(redis: Any, url: str) -> list[str]:
    """A line per shape and size: seconds to submit and to run, microseconds per job, slowest script."""
    lines: list[str] = []
    port = free_port()
    settings = {
        "TRIAGE_REDIS_URL": url,
        "TRIAGE_AUTH": "off",
        "TRIAGE_PORT": str(port),
        "TRIAGE_WORKER_PORT": "0",
        "TRIAGE_HANDLERS": "benchmarks.handlers",
        "TRIAGE_CONCURRENCY": "100",
    }
    code = "from service.cli import main; main()"
    await redis.flushall()
    async with (
        process(["-c", code, "api"], **settings),
        process(["-c", code, "worker"], **settings),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=120) as http,
    ):
        await until(lambda: _works(http))
        for name, shape in (("chain", chain), ("fan-in", fan_in)):
            for size in SIZES:
                lines.append(await _one(redis, http, name, size, shape(size)))
    return lines


async def _works(http: httpx.AsyncClient) -> bool:
    try:
        return bool((await http.get("/v1/workers")).json()["items"])
    except httpx.TransportError:
        return False


async def _one(redis: Any, http: httpx.AsyncClient, name: str, size: int, jobs: dict[str, Any]) -> str:
    await redis.config_set("slowlog-log-slower-than", 1_000)
    await redis.slowlog_reset()
    began = time.monotonic()
    response = await http.post("/v1/flows", json={"name": name, "jobs": jobs})
    admitted = time.monotonic()
    path = f"/v1/flows/{response.json()['id']}"

    async def ended() -> bool:
        flow = (await http.get("/v1/flows", params={"limit": 1})).json()["items"][0]
        return flow["state"] != "running"

    finished = await until(ended, 300, 0.02)
    flow = (await http.get(path)).json()
    if flow["counts"]["succeeded"] != size:
        raise RuntimeError(str(flow["counts"]))
    slowest = max((row["duration"] for row in await redis.slowlog_get(1000)), default=0)
    return (
        f"{name} of {size:,}: stored in {admitted - began:.2f} s, ended {finished - admitted:.2f} s later, "
        f"{(finished - began) / size * 1e6:,.0f} us per job; slowest Redis call {slowest / 1000:.1f} ms"
    )
