"""How fast one worker empties a queue: from the first run's begin to the last end in Redis."""

import os
from pathlib import Path
from typing import Any

from arq.connections import ArqRedis

from benchmarks.processes import notes, process, until
from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job import JobSpec
from service.store.jobs import Submission
from service.store.stores import Stores

JOBS = 20_000
TEXT = "x" * 180
NAMESPACE = "bench"


async def stock(redis: Any, url: str, out: Path) -> float:
    """Jobs per second of stock arq with max_jobs=100."""
    await redis.flushall()
    client = ArqRedis.from_url(url)
    for _ in range(JOBS):
        await client.enqueue_job("noop", TEXT)
    await client.aclose(close_connection_pool=True)

    async def empty() -> bool:
        return await redis.zcard("arq:queue") == 0

    async with process(
        ["-m", "arq", "benchmarks.stock_arq.WorkerSettings"], BENCH_REDIS=url, BENCH_OUT=str(out)
    ):
        ended = await until(empty)
    return JOBS / (ended - notes(out)[0][0])


async def triage(redis: Any, url: str, out: Path) -> float:
    """Jobs per second of one Triage worker with concurrency 100."""
    await redis.flushall()
    await submit(redis, JOBS)
    key = f"triage:{{{NAMESPACE}}}:queue:default:succeeded"

    async def empty() -> bool:
        return await redis.zcard(key) == JOBS

    async with worker(url, out):
        ended = await until(empty)
    return JOBS / (ended - notes(out)[0][0])


async def submit(redis: Any, count: int) -> None:
    stores = Stores(redis, NAMESPACE, 0)
    ids = IdFactory(Clock().now_ms, os.urandom)
    spec = JobSpec(name="noop", payload=b'{"text":"%s"}' % TEXT.encode())
    await stores.jobs.submit([Submission(ids.new("job"), spec) for _ in range(count)])


def worker(url: str, out: Path, concurrency: int = 100) -> Any:
    return process(
        ["-m", "workers.main"],
        TRIAGE_REDIS_URL=url,
        TRIAGE_NAMESPACE=NAMESPACE,
        TRIAGE_HANDLERS="benchmarks.handlers",
        TRIAGE_CONCURRENCY=str(concurrency),
        TRIAGE_WORKER_PORT="0",
        BENCH_OUT=str(out),
    )
