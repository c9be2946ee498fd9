"""Measures how soon an idle worker starts new jobs and due jobs."""

import asyncio
import statistics
from functools import partial

from benchmarks.bench import Bench
from benchmarks.processes import notes, until
from benchmarks.row import Figures, Row, at_most, own_at_most
from benchmarks.summary import percentile
from benchmarks.systems.bullmq import BullMQ
from benchmarks.systems.system import System
from benchmarks.systems.triage import Triage

JOBS, APART = 200, 0.02
DELAY = 0.5
#: The first jobs, which load scripts and code, do not count.
WARM_UP = 20


async def waits(bench: Bench, system: type[System], shape: str) -> Figures:
    async with bench.server() as server:
        queue, out = system(), server.directory / "notes"

        async def began(count: int) -> bool:
            return len(notes(out)) >= count

        async with queue.worker(server, out):
            await queue.submit(server, "spaced", WARM_UP, apart=APART)
            await until(lambda: began(WARM_UP))
            await asyncio.sleep(1)
            await queue.submit(server, shape, JOBS, apart=APART, delay=DELAY)
            await until(lambda: began(WARM_UP + JOBS), pause=0.05)
        late = [(note.began - note.sent) * 1000 for note in notes(out)[WARM_UP:]]
    return Figures(percentile(late, 99), also={"ms p50": statistics.median(late), "ms at most": max(late)})


ROWS = (
    Row(
        "pick-up",
        "pick-up by an idle worker",
        "ms, p99",
        f"from the submission to the first line of the handler, {JOBS} jobs {APART * 1000:.0f} ms apart",
        {
            "Triage": partial(waits, system=Triage, shape="spaced"),
            "BullMQ": partial(waits, system=BullMQ, shape="spaced"),
        },
        (at_most(0.75, "BullMQ"),),
    ),
    Row(
        "delayed",
        "start of a delayed job",
        "ms late, p99",
        f"from the job's time to the first line of the handler on an idle worker, {JOBS} jobs"
        f" {APART * 1000:.0f} ms apart",
        {
            "Triage": partial(waits, system=Triage, shape="delayed"),
            "BullMQ": partial(waits, system=BullMQ, shape="delayed"),
        },
        (own_at_most(5, "BullMQ"),),
    ),
)
