"""One timer ends every run in time, in whatever order the deadlines come."""

import asyncio

import pytest

from service.clock import Clock
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.engine.runs.deadlines import Deadlines
from workers.engine.runs.run import Run, RunState
from workers.handling.registry import handler_of

pytestmark = pytest.mark.anyio


async def noop(ctx):
    pass


class Watched:
    """Runs under one Deadlines, and the ids that it found overdue, in order."""

    def __init__(self):
        self.clock = Clock()
        self.runs = {}
        self.overdue = asyncio.Queue()
        self.deadlines = Deadlines(self.clock, self.runs, self._stop)

    def _stop(self, run):
        run.enter(RunState.TIMED_OUT)
        self.overdue.put_nowait((run.job_id, self.clock.monotonic() >= run.times.deadline))

    def begin(self, id, seconds):
        run_times = times(seconds, self.clock.monotonic())
        run = Run(lease(id), handler_of(noop), context(Notes()), slot(), run_times)
        self.runs[id] = run
        self.deadlines.watch(run)
        return run

    async def next(self):
        return await asyncio.wait_for(self.overdue.get(), 5)


@pytest.fixture
async def watched():
    return Watched()


async def test_runs_are_stopped_at_their_own_deadlines(watched):
    watched.begin("long", 0.09)
    watched.begin("short", 0.03)
    watched.begin("middle", 0.06)

    assert [await watched.next() for _ in range(3)] == [("short", True), ("middle", True), ("long", True)]


async def test_a_run_that_begins_after_the_timer_fired_is_watched_as_well(watched):
    watched.begin("first", 0.01)
    await watched.next()

    watched.begin("second", 0.01)

    assert await watched.next() == ("second", True)


async def test_a_finished_run_is_not_stopped(watched):
    watched.begin("done", 0.01)
    del watched.runs["done"]
    watched.begin("late", 0.03)

    assert await watched.next() == ("late", True)
    assert watched.overdue.empty()
