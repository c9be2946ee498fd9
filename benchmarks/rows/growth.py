"""Measures drains and claims with many jobs, queues and workers against the same with few."""

import statistics
from functools import partial

from benchmarks.backlog import Backlog
from benchmarks.bench import Bench, Server
from benchmarks.row import Figures, Row, at_least, at_most, own_at_most
from benchmarks.scenes import Scene
from benchmarks.summary import percentile

MANY, FEW = 1_000_000, 1_000
QUEUES, NAMES, SLOTS = 1_000, 10_000, 100

SCENES = {
    "million": Scene("1,000,000 queued", MANY, 1),
    "thousand": Scene("1,000 queued", FEW, 1),
    "thousand queues": Scene("1,000 queues", FEW, QUEUES),
    "limited million": Scene("1,000,000 jobs, 10,000 limit keys, 50 queues, limits on all", MANY, 50, 10_000),
    "limited few": Scene(
        "as many as are claimed, 10,000 limit keys, 50 queues, limits on all", 40_000, 50, 10_000
    ),
    "few names": Scene("5 queues", 5_000, 5),
    "many names": Scene("5 of 10,005 queues", 5_000, 5),
}


async def _backlog(bench: Bench, name: str, idle_queues: int = 0) -> Backlog:
    async def make(server: Server) -> Backlog:
        backlog = Backlog(server, "bench", SCENES[name])
        await backlog.set_up()
        if idle_queues:
            await backlog.add_idle(idle_queues)
        return backlog

    return await bench.kept(name, make)


async def drain(bench: Bench, scene: str, workers: int = 1) -> Figures:
    return await (await _backlog(bench, scene)).drain(workers)


async def claims(bench: Bench, scene: str) -> Figures:
    times = await (await _backlog(bench, scene)).claims(SLOTS)
    return Figures(percentile(times, 99), also={"ms p50": statistics.median(times)})


async def names(bench: Bench, scene: str, idle_queues: int = 0) -> Figures:
    """The median, because background work of the server affects the percentiles of a short claim."""
    times = await (await _backlog(bench, scene, idle_queues)).claims(1)
    return Figures(statistics.median(times), also={"ms p99": percentile(times, 99)})


ROWS = (
    Row(
        "backlog",
        "drain with a long backlog",
        "jobs/s",
        "20,000 no-op jobs from a queue in which 1,000,000 wait, against one in which 1,000 wait",
        {
            "1,000,000 queued": partial(drain, scene="million"),
            "1,000 queued": partial(drain, scene="thousand"),
        },
        (at_least(0.9, "1,000 queued"),),
    ),
    Row(
        "queues",
        "drain of many queues",
        "jobs/s",
        "20,000 no-op jobs spread over 1,000 queues, against one queue",
        {
            "1,000 queues": partial(drain, scene="thousand queues"),
            "1 queue": partial(drain, scene="thousand"),
        },
        (at_least(0.8, "1 queue"),),
    ),
    Row(
        "workers",
        "drain by two workers",
        "jobs/s",
        "20,000 no-op jobs, two workers against one, each with concurrency 100; near a whole core of Redis,"
        " Redis is the limit",
        {
            "2 workers": partial(drain, scene="thousand", workers=2),
            "1 worker": partial(drain, scene="thousand"),
        },
        (at_least(1.6, "1 worker"),),
    ),
    Row(
        "claim",
        "claim with a long backlog",
        "ms, p99",
        f"CPU time of Redis for a claim of {SLOTS} jobs from 1,000,000 with 10,000 limit keys in 50 queues,"
        " limits on all, and from 40,000 such jobs",
        {
            "1,000,000 queued": partial(claims, scene="limited million"),
            "40,000 queued": partial(claims, scene="limited few"),
        },
        (own_at_most(5, "40,000 queued"),),
    ),
    Row(
        "names",
        "claim with many queue names",
        "ms, p50",
        "CPU time of Redis for a claim of one job from 5 queues, with and without 10,000 others whose jobs"
        " the worker cannot run",
        {
            "5 of 10,005 queues": partial(names, scene="many names", idle_queues=NAMES),
            "5 queues": partial(names, scene="few names"),
        },
        (at_most(1.2, "5 queues"),),
    ),
)
