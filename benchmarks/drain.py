"""Measures how fast one worker empties a queue, from the first start of a handler to the last result."""

import os
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from subprocess import Popen
from typing import Any, NamedTuple

from arq.connections import ArqRedis

from benchmarks.processes import cpu_seconds, notes, process, redis_cpu_seconds, until
from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys

JOBS = 20_000
TEXT = "x" * 180
NAMESPACE = "bench"


class Drain(NamedTuple):
    """CPU is per job, in microseconds: on a busy machine it varies less than the rate."""

    per_second: float
    worker_us: float
    redis_us: float

    def __str__(self) -> str:
        return f"{self.per_second:,.0f}/s; CPU us/job: worker {self.worker_us:.0f}, Redis {self.redis_us:.0f}"


async def stock(redis: Any, url: str, out: Path) -> Drain:
    """Stock arq with max_jobs=100."""
    await redis.flushall()
    client = ArqRedis.from_url(url)
    for _ in range(JOBS):
        await client.enqueue_job("noop", TEXT)
    await client.aclose(close_connection_pool=True)

    async def empty() -> bool:
        return await redis.zcard("arq:queue") == 0

    arq = process(["-m", "arq", "benchmarks.stock_arq.WorkerSettings"], BENCH_REDIS=url, BENCH_OUT=str(out))
    return await _drain(redis, arq, out, empty)


async def triage(redis: Any, url: str, out: Path) -> Drain:
    """One Triage worker with concurrency 100."""
    await redis.flushall()
    await submit(redis, JOBS)
    key = keys.state(keys.prefix(NAMESPACE), queue="default", state=State.SUCCEEDED)

    async def empty() -> bool:
        return await redis.zcard(key) == JOBS

    return await _drain(redis, worker(url, out), out, empty)


async def _drain(
    redis: Any,
    worker: AbstractAsyncContextManager[Popen[bytes]],
    out: Path,
    empty: Callable[[], Awaitable[bool]],
) -> Drain:
    used = await redis_cpu_seconds(redis)
    async with worker as running:
        ended = await until(empty)
        worker_cpu = cpu_seconds(running.pid)
        redis_cpu = await redis_cpu_seconds(redis) - used
    first = notes(out)[0]
    return Drain(
        per_second=JOBS / (ended - first.began),
        worker_us=(worker_cpu - first.cpu) / JOBS * 1e6,
        redis_us=redis_cpu / JOBS * 1e6,
    )


async def submit(redis: Any, count: int) -> None:
    namespace = Namespace(redis, NAMESPACE, 0)
    ids = IdFactory(Clock().now_ms, os.urandom)
    spec = JobSpec(name="noop", payload=b'{"text":"%s"}' % TEXT.encode())
    await namespace.jobs.submit([Submission(ids.new("job"), spec) for _ in range(count)])


def worker(url: str, out: Path, concurrency: int = 100, namespace: str = NAMESPACE) -> Any:
    return process(
        ["-m", "workers.main"],
        TRIAGE_REDIS_URL=url,
        TRIAGE_NAMESPACE=namespace,
        TRIAGE_HANDLERS="benchmarks.handlers",
        TRIAGE_CONCURRENCY=str(concurrency),
        TRIAGE_WORKER_PORT="0",
        BENCH_OUT=str(out),
    )
