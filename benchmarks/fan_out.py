"""Runs a fan-out of 100,000 items while killing workers: `python -m benchmarks.fan_out`."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import orjson
from redis.asyncio import Redis

from benchmarks.ports import free_port
from benchmarks.processes import cpu_seconds, process, until
from service.store.redis.embedded import EmbeddedServer
from service.store.redis.lua_source import commands, function

SMALL, LARGE = 1_000, 100_000
CODE = "from service.cli import main; main()"
#: Calls that take longer are listed, in microseconds.
SLOW_US = 5_000


def memory_mib(pid: int, field: str = "VmRSS") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


class Scripts:
    """Time inside Redis per script call.

    On a busy machine durations include the time of other processes; CPU time does not.
    """

    def __init__(self, redis: Any, server: int) -> None:
        self._redis = redis
        self._server = server
        self._cpu = 0.0

    async def reset(self) -> None:
        await self._redis.config_set("slowlog-log-slower-than", SLOW_US)
        await self._redis.config_set("slowlog-max-len", 100_000)
        await self._redis.slowlog_reset()
        await self._redis.config_resetstat()
        self._cpu = cpu_seconds(self._server)

    async def report(self, what: str) -> None:
        stats = (await self._redis.info("commandstats"))["cmdstat_fcall"]
        cpu = 1e3 * (cpu_seconds(self._server) - self._cpu) / stats["calls"]
        print(
            f"  {what}: {stats['calls']:,} script calls, {cpu:.2f} ms of Redis's CPU each, "
            f"{stats['usec_per_call'] / 1000:.2f} ms long"
        )
        slow: dict[str, list[float]] = {}
        for row in await self._redis.slowlog_get(100_000):
            name = NAMES.get(row["command"].split(b" ")[1].decode(), "plain commands")
            slow.setdefault(name, []).append(row["duration"] / 1000)
        for name, durations in sorted(slow.items()):
            longest = max(durations)
            print(f"    {name}: {len(durations)} above {SLOW_US / 1000:.0f} ms, longest {longest:.1f} ms")


NAMES = {function(command): command for command in commands()}


async def run(
    http: httpx.AsyncClient, redis: Any, pids: tuple[int, int], size: int, kill: Any = None
) -> None:
    """Submit, watch the counts until all items have finished, and print the cost per item."""
    body = orjson.dumps(
        {
            "template": {"name": "noop", "queue": "bulk"},
            "items": [{"text": f"order {number}"} for number in range(size)],
            "then": {"name": "noop", "queue": "bulk"},
        }
    )
    scripts = Scripts(redis, pids[1])
    await scripts.reset()
    used = [cpu_seconds(pid) for pid in pids]
    began = time.monotonic()
    submission = asyncio.create_task(
        http.post("/v1/fan-outs", content=body, headers={"Content-Type": "application/json"})
    )
    polls, killed, latest = 0, 0, 0.0
    fan_out: dict[str, Any] = {}
    while not fan_out or fan_out["state"] in ("open", "running"):
        await asyncio.sleep(0.05)
        asked = time.monotonic()
        rows = (await http.get("/v1/fan-outs", params={"limit": 1})).json()["items"]
        latest = max(latest, time.monotonic() - asked)
        fan_out = rows[0] if rows and rows[0]["name"] == "noop" and not seen(rows[0]) else {}
        if fan_out:
            counts = dict(fan_out["counts"])
            if counts.pop("total") != sum(counts.values()):
                raise RuntimeError(f"the counts do not add up: {fan_out}")
            polls += 1
            if kill is not None and killed < 2 and counts["succeeded"] > size * (killed + 1) // 3:
                killed += 1
                await kill()
    seconds = time.monotonic() - began
    response = await submission
    _seen.add(response.json()["id"])
    then = (await http.get(f"/v1/jobs/{fan_out['then_job_id']}", params={"wait": 20})).json()
    if (fan_out["state"], fan_out["counts"]["succeeded"], then["deliveries"]) != ("succeeded", size, 1):
        raise RuntimeError(f"not as promised: {fan_out} {then}")
    spent = [1e6 * (cpu_seconds(pid) - before) / size for pid, before in zip(pids, used, strict=True)]
    print(
        f"{size:,} items: {seconds:.1f} s, {1e6 * seconds / size:.0f} us per item; CPU per item: "
        f"API {spent[0]:.0f} us, Redis {spent[1]:.0f} us"
    )
    print(
        f"  counts added up in {polls} of {polls} polls; slowest poll {1000 * latest:.0f} ms; kills: {killed}"
    )
    await scripts.report("submit and run")


_seen: set[str] = set()


def seen(fan_out: dict[str, Any]) -> bool:
    return fan_out["id"] in _seen


async def results(http: httpx.AsyncClient, api: int) -> None:
    id = (await http.get("/v1/fan-outs", params={"limit": 1})).json()["items"][0]["id"]
    began, lines = time.monotonic(), 0
    async with http.stream("GET", f"/v1/fan-outs/{id}/results") as response:
        async for _ in response.aiter_lines():
            lines += 1
    print(f"results: {lines:,} lines in {time.monotonic() - began:.1f} s; API {memory_mib(api):.0f} MiB")


async def cancel_and_retry(http: httpx.AsyncClient, redis: Any, server: int, size: int) -> None:
    """Cancel, retry and delete unstarted items, of a type that no worker knows."""
    body = orjson.dumps({"template": {"name": "unknown"}, "items": [{}] * size})
    id = (await http.post("/v1/fan-outs", content=body, headers={"Content-Type": "application/json"})).json()[
        "id"
    ]
    for verb in ("cancel", "retry", "cancel", "delete"):
        scripts = Scripts(redis, server)
        await scripts.reset()
        began = time.monotonic()
        if verb == "delete":
            await http.delete(f"/v1/fan-outs/{id}")
        else:
            await http.post(f"/v1/fan-outs/{id}/{verb}")
        await until(lambda: nothing_left(redis))
        print(f"{verb} of {size:,} items: {time.monotonic() - began:.1f} s")
        await scripts.report(verb)


async def nothing_left(redis: Any) -> bool:
    return await redis.zcard("triage:{default}:tasks") == 0


async def measure(server: EmbeddedServer, directory: Path) -> None:
    redis = Redis.from_url(server.url)
    port = free_port()
    settings = {
        "TRIAGE_REDIS_URL": server.url, "TRIAGE_AUTH": "off", "TRIAGE_PORT": str(port),
        "TRIAGE_WORKER_PORT": "0",
        "TRIAGE_HANDLERS": "benchmarks.handlers", "TRIAGE_CONCURRENCY": "100", "TRIAGE_LEASE_SECONDS": "3",
    }  # fmt: skip
    victims: list[subprocess.Popen[bytes]] = []

    def start_worker() -> None:
        victims.append(
            subprocess.Popen(
                [sys.executable, "-c", CODE, "worker"],
                env={**os.environ, **settings},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )

    async def kill() -> None:
        victims[-1].kill()
        start_worker()

    async with (
        process(["-c", CODE, "api"], **settings) as api,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=300) as http,
    ):

        async def ready() -> bool:
            try:
                return bool((await http.get("/v1/workers")).json()["items"])
            except httpx.TransportError:
                return False

        start_worker()
        await until(ready)
        pids = (api.pid, int((await redis.info("server"))["process_id"]))
        await run(http, redis, pids, SMALL)
        await run(http, redis, pids, SMALL)
        before = memory_mib(api.pid)
        await run(http, redis, pids, LARGE, kill)
        peak = memory_mib(api.pid, "VmHWM")
        print(f"API memory: {before:.0f} MiB before, {peak:.0f} MiB at most: + {peak - before:.0f} MiB")
        await results(http, api.pid)
        await cancel_and_retry(http, redis, pids[1], LARGE)
        print(f"API memory at the end: {memory_mib(api.pid, 'VmHWM'):.0f} MiB at most")
    for worker in victims:
        worker.terminate()
        worker.wait(20)
    await redis.aclose()


def main() -> None:
    with tempfile.TemporaryDirectory() as directory, EmbeddedServer(Path(directory) / "redis") as server:
        asyncio.run(measure(server, Path(directory)))


if __name__ == "__main__":
    main()
