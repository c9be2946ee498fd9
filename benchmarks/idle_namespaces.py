"""Measures what a worker and an API process cost while nothing happens in the namespaces that they serve.

    python -m benchmarks.idle_namespaces --counts 1,10,50,200

Each namespace has run one job. The figures are for one process, without the commands inside of scripts.
"""

import argparse
import asyncio
import contextlib
import re
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx

from benchmarks.bench import Bench, Server
from benchmarks.ports import free_port
from benchmarks.processes import cpu_seconds, process, redis_cpu_seconds, until
from benchmarks.systems.triage import COMMAND
from service.api.auth.credentials import SCOPES, digest
from service.domain.access_key import AccessKey
from service.domain.job_spec import JobSpec
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.tenants.access_keys import AccessKeys

#: Lines of the table of commands.
ROWS = 12
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Duration:
    """In seconds: how long a process may settle, and how long it is then measured."""

    settle: float
    measure: float


@dataclass(slots=True)
class Cost:
    """What one process cost: commands by name, and the part of a core that each process used."""

    start_seconds: float
    seconds: float
    commands: Counter[str]
    redis: float
    own: float

    def show(self, process: str, count: int) -> None:
        total = sum(self.commands.values()) / self.seconds
        print(f"{process}, {count} namespaces, started in {self.start_seconds:.1f} s:")
        print(f"  {total:.2f} commands/s, {total / count:.3f} per namespace")
        print(f"  {self.own:.2%} of a core, and Redis {self.redis:.2%}")
        for name, sent in self.commands.most_common(ROWS):
            print(f"    {sent / self.seconds / count:.4f} {name}")


async def measure(redis: Any, pid: int, start_seconds: float, duration: Duration) -> Cost:
    await asyncio.sleep(duration.settle)
    own, server, began = cpu_seconds(pid), await redis_cpu_seconds(redis), time.monotonic()
    commands: Counter[str] = Counter()
    async with redis.monitor() as monitor:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration.measure):
                async for command in monitor.listen():
                    if command["client_type"] != "lua" and (name := _name(command["command"])):
                        commands[name] += 1
    took = time.monotonic() - began
    used = (await redis_cpu_seconds(redis) - server) / took, (cpu_seconds(pid) - own) / took
    return Cost(start_seconds, took, commands, *used)


def _name(command: str) -> str:
    """The command and its function, or its key without the namespace; empty for what this sends."""
    word, *arguments = command.split()
    if word.upper() in {"INFO", "MONITOR"}:
        return ""
    if not arguments:
        return word.upper()
    return f"{word.upper()} {re.sub(r'^triage:{[^}]*}:', '', arguments[0])}"


async def worker(server: Server, names: list[str], duration: Duration) -> Cost:
    stores = [Namespace(server.redis, name, DAY_MS) for name in names]
    for number, store in enumerate(stores):
        await store.jobs.submit_batch([Submission(f"job_{number}", JobSpec("noop", b"{}"))])

    async def served() -> bool:
        rows = await asyncio.gather(
            *(server.redis.zcard(keys.retention(keys.prefix(name))) for name in names)
        )
        return all(rows)

    began = time.monotonic()
    async with process(
        ["-m", "workers.main"],
        TRIAGE_REDIS_URL=server.url,
        TRIAGE_NAMESPACES=",".join(names),
        TRIAGE_HANDLERS="benchmarks.handlers",
        TRIAGE_WORKER_PORT="0",
        BENCH_OUT=str(server.directory / "notes"),
    ) as running:
        ready = await until(served, 300, pause=0.05)
        return await measure(server.redis, running.pid, ready - began, duration)


async def api(server: Server, names: list[str], duration: Duration) -> Cost:
    port, access = free_port(), AccessKeys(server.redis)
    texts = [f"triage_{secrets.token_urlsafe(32)}" for _ in names]
    for number, (name, text) in enumerate(zip(names, texts, strict=True)):
        key = AccessKey(f"key_{number}", "idle", name, frozenset(SCOPES), 0, None, None)
        await access.create(key, digest(text))
    began = time.monotonic()
    async with (
        process(
            [*COMMAND, "api"], TRIAGE_REDIS_URL=server.url, TRIAGE_PORT=str(port), TRIAGE_NAMESPACE=names[0]
        ) as running,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):

        async def is_ready() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return (await client.get("/readyz")).status_code == 200
            return False

        ready = await until(is_ready, 300, pause=0.05)
        for text in texts:
            response = await client.get("/v1/queues", headers={"Authorization": f"Bearer {text}"})
            response.raise_for_status()
        return await measure(server.redis, running.pid, ready - began, duration)


async def run(counts: list[int], duration: Duration) -> None:
    async with Bench() as bench:
        for count in counts:
            async with bench.server() as server:
                names = [f"idle-{number}" for number in range(count)]
                for name, cost in (("worker", worker), ("api", api)):
                    (await cost(server, names, duration)).show(name, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--counts", default="1,10,50,200", help="numbers of namespaces")
    # Until the minutes in which the jobs ran are stored and summed up.
    parser.add_argument("--settle", type=float, default=330.0, help="seconds before each measurement")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long to measure each process")
    given = parser.parse_args()
    duration = Duration(given.settle, given.seconds)
    asyncio.run(run([int(count) for count in given.counts.split(",")], duration))


if __name__ == "__main__":
    main()
