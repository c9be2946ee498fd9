"""Measures how fast one worker empties a queue, from the first start of a handler to the last result."""

from functools import partial

from benchmarks.bench import Bench
from benchmarks.processes import cpu_seconds, notes, redis_cpu_seconds, until
from benchmarks.row import Figures, Row, at_least, own_at_least
from benchmarks.systems.arq import Arq
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.system import System
from benchmarks.systems.triage import Triage

CONCURRENCY = 100
JOBS = 20_000
#: Stock arq would need half a minute for 20,000.
ARQ_JOBS = 5_000
SLEEPING_JOBS, SLEEP_SECONDS = 10_000, 0.01


async def drain(bench: Bench, system: type[System], jobs: int, shape: str = "noop") -> Figures:
    async with bench.server() as server:
        queue, out = system(), server.directory / "notes"
        empty = (await server.redis.info("memory"))["used_memory"]
        await queue.submit(server, shape, jobs)

        async def done() -> bool:
            return await queue.finished(server) >= jobs

        used = await redis_cpu_seconds(server.redis)
        async with queue.worker(server, out, CONCURRENCY, shape) as running:
            ended = await until(done)
            worker_cpu = cpu_seconds(running.pid)
            redis_cpu = await redis_cpu_seconds(server.redis) - used
            kept = (await server.redis.info("memory"))["used_memory"] - empty
        first = notes(out)[0]
    rate = jobs / (ended - first.began)
    return Figures(
        rate,
        {"worker": (worker_cpu - first.cpu) / jobs * 1e6, "Redis": redis_cpu / jobs * 1e6},
        {"% of Redis's core": rate * redis_cpu / jobs * 100, "bytes kept": kept / jobs},
    )


async def sleeping(bench: Bench, system: type[System]) -> Figures:
    """Percentage of the rate that the slots allow if the work of the system takes no time."""
    figures = await drain(bench, system, SLEEPING_JOBS, "sleep")
    return Figures(
        figures.figure * SLEEP_SECONDS / CONCURRENCY * 100, figures.cpu_us, {"jobs/s": figures.figure}
    )


ROWS = (
    Row(
        "drain",
        "drain of no-op jobs",
        "jobs/s",
        f"{JOBS:,} queued jobs of 200 bytes, one worker, concurrency {CONCURRENCY}, results kept; stock arq"
        f" with max_jobs={CONCURRENCY} gets {ARQ_JOBS:,} jobs",
        {
            "Triage": partial(drain, system=Triage, jobs=JOBS),
            "BullMQ": partial(drain, system=BullMQ, jobs=JOBS),
            "stock arq": partial(drain, system=Arq, jobs=ARQ_JOBS),
        },
        (at_least(2.0, "BullMQ"), at_least(25, "stock arq")),
    ),
    Row(
        "drain-10ms",
        "drain of 10 ms jobs",
        "% of ideal",
        f"{SLEEPING_JOBS:,} jobs that sleep for 10 ms, one worker, concurrency {CONCURRENCY}: the share of"
        f" the {CONCURRENCY / SLEEP_SECONDS:,.0f} jobs/s that its slots allow",
        {"Triage": partial(sleeping, system=Triage), "BullMQ": partial(sleeping, system=BullMQ)},
        (own_at_least(80, "BullMQ"), at_least(1.0, "BullMQ")),
    ),
    Row(
        "mixed",
        "drain with priorities and limits",
        "jobs/s",
        f"{JOBS:,} jobs of ten priorities; Triage has 100 limit keys, and a concurrency and a rate limit on"
        " the queue and on each key; BullMQ has the rate limit of a queue, because it has no limits per key",
        {
            "Triage": partial(drain, system=Triage, jobs=JOBS, shape="mixed"),
            "BullMQ": partial(drain, system=BullMQ, jobs=JOBS, shape="mixed"),
        },
        (at_least(1.0, "BullMQ"),),
    ),
)
