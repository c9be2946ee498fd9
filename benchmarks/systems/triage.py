"""Triage: a worker and an API as processes, and submissions through the store."""

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen
from typing import Any

from benchmarks.bench import Server
from benchmarks.processes import process
from benchmarks.systems.system import Sent
from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, RateLimit
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys

NAMESPACE = "bench"
TEXT = "x" * 180
PAYLOAD = b'{"text":"%s"}' % TEXT.encode()
#: The command line of Triage, independent of PATH.
COMMAND = ["-c", "from service.cli import main; main()"]
#: Jobs per call of the store.
BATCH = 10_000

#: So high that no job waits, even if one worker starts 20,000 jobs of 100 keys within a second.
LIMITS = {
    "max_concurrency": 5_000,
    "rate_limit": RateLimit(100_000, 1_000),
    "per_key": KeyLimits(5_000, RateLimit(100_000, 1_000)),
}
#: Job specs by number, for the shapes that do not depend on time.
SHAPES: dict[str, Callable[[int], JobSpec]] = {
    "noop": lambda number: JobSpec("noop", PAYLOAD),
    "sleep": lambda number: JobSpec("sleep_10ms", PAYLOAD),
    "mixed": lambda number: JobSpec(
        "noop", PAYLOAD, queue="mixed", priority=number % 10, limit_key=f"key-{number % 100}"
    ),
}
_ids = IdFactory(Clock().now_ms, os.urandom)


def worker(url: str, out: Path, concurrency: int = 100, namespace: str = NAMESPACE) -> Any:
    """A worker process."""
    return process(
        ["-m", "workers.main"],
        TRIAGE_REDIS_URL=url,
        TRIAGE_NAMESPACE=namespace,
        TRIAGE_HANDLERS="benchmarks.handlers",
        TRIAGE_CONCURRENCY=str(concurrency),
        TRIAGE_WORKER_PORT="0",
        BENCH_OUT=str(out),
    )


async def finished(server: Server, namespace: str = NAMESPACE) -> int:
    """Finished jobs, read with one command because measurements poll."""
    return await server.redis.zcard(keys.retention(keys.prefix(namespace)))


def api(url: str, port: int) -> AbstractAsyncContextManager[Popen[bytes]]:
    """An API process without authentication."""
    return process(
        [*COMMAND, "api"],
        TRIAGE_REDIS_URL=url,
        TRIAGE_NAMESPACE=NAMESPACE,
        TRIAGE_AUTH="off",
        TRIAGE_PORT=str(port),
    )


class Triage:
    def worker(
        self, server: Server, out: Path, concurrency: int = 100, shape: str = "noop"
    ) -> AbstractAsyncContextManager[Popen[bytes]]:
        return worker(server.url, out, concurrency)

    async def submit(self, server: Server, shape: str, count: int, **options: float) -> Sent:
        began, used = time.monotonic(), time.process_time()
        namespace = Namespace(server.redis, NAMESPACE, 0)
        if shape == "spaced":
            await self._spaced(namespace, count, options["apart"])
        elif shape == "delayed":
            await self._delayed(namespace, count, options["apart"], options["delay"])
        else:
            if shape == "mixed":
                await namespace.queues.configure("mixed", LIMITS)
            for first in range(0, count, BATCH):
                numbers = range(first, min(first + BATCH, count))
                await namespace.jobs.submit(new_jobs([SHAPES[shape](number) for number in numbers]))
        return Sent(time.monotonic() - began, time.process_time() - used)

    async def finished(self, server: Server) -> int:
        return await finished(server)

    async def _spaced(self, namespace: Namespace, count: int, apart: float) -> None:
        for _ in range(count):
            payload = b'{"sent":%r}' % time.monotonic()
            await namespace.jobs.submit(new_jobs([JobSpec("noop", payload)]))
            await asyncio.sleep(apart)

    async def _delayed(self, namespace: Namespace, count: int, apart: float, delay: float) -> None:
        for number in range(count):
            wait_ms = round(1000 * (delay + number * apart))
            payload = b'{"sent":%r}' % (time.monotonic() + wait_ms / 1000)
            await namespace.jobs.submit(new_jobs([JobSpec("noop", payload, delay_ms=wait_ms)]))


def new_jobs(specs: list[JobSpec]) -> list[Submission]:
    return [Submission(_ids.new("job"), spec) for spec in specs]
