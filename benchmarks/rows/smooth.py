"""Measures how much of a smooth rate limit one worker reaches."""

from benchmarks.bench import Bench
from benchmarks.processes import until
from benchmarks.row import Figures, Row, own_at_least
from benchmarks.systems.triage import NAMESPACE, Triage, new_jobs
from service.domain.job_spec import JobSpec
from service.domain.limits import RateLimit
from service.store.namespace import Namespace

RATE, SECONDS = 1_000, 3


async def smooth(bench: Bench) -> Figures:
    async with bench.server() as server, Triage().worker(server, server.directory / "notes"):
        namespace = Namespace(server.redis, NAMESPACE, 0)

        async def known() -> bool:
            return len(await namespace.workers.alive()) == 1

        await until(known)
        await namespace.queues.configure("smooth", {"rate_limit": RateLimit(RATE, 1_000, smooth=True)})
        jobs = new_jobs([JobSpec("noop", queue="smooth") for _ in range(RATE * SECONDS + 1)])
        await namespace.jobs.submit(jobs)

        async def done() -> bool:
            return await Triage().finished(server) == len(jobs)

        await until(done)
        ran = await namespace.queries.jobs([job.id for job in jobs])
    starts = sorted(job.started_at for job in ran if job is not None and job.started_at is not None)
    return Figures(SECONDS * 1000 / (starts[-1] - starts[0]) * 100)


async def allowed(bench: Bench) -> Figures:
    """The limit itself, which needs no measurement."""
    return Figures(100)


ROWS = (
    Row(
        "smooth",
        "smooth rate limit reached",
        "% of the limit",
        f"a queue with a smooth limit of {RATE:,} starts/s and one worker: the share of it that is reached",
        {"Triage": smooth, "the limit": allowed},
        (own_at_least(99, "the limit"),),
    ),
)
