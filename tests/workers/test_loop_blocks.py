"""A coroutine that blocks the event loop is named, with its line and for how long, once a minute."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.eventually import eventually_blocking
from tests.support.manual_clock import ManualClock
from workers.process.loop_blocks import AGAIN_AFTER, TOLERATED, LoopBlocks

INTERVAL = 0.25
Perform = Callable[[str, float], Awaitable[list[Any]]]


class Handlers:
    """Finds handlers by job, and remembers the questions of the thread."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def find(self, job_id: str) -> str | None:
        self.asked.append(job_id)
        return {"job_1": "send-letter", "job_2": "other"}.get(job_id)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def perform(clock: ManualClock) -> AsyncIterator[Perform]:
    """Runs a task that holds the event loop until the thread has noticed."""
    handlers, stopped = Handlers(), threading.Event()
    blocks = LoopBlocks(clock, INTERVAL, handlers.find)
    blocks.watch(stopped)

    def noticed(job_id: str) -> None:
        assert job_id in handlers.asked if job_id == "stranger" else blocks._found is not None

    async def handler(job_id: str, seconds: float) -> None:
        clock.advance(INTERVAL + seconds)
        if seconds > TOLERATED:
            eventually_blocking(lambda: noticed(job_id), 5)
        blocks.tick(clock.monotonic())

    async def perform(job_id: str, seconds: float) -> list[Any]:
        with capture_logs() as lines:
            await asyncio.create_task(handler(job_id, seconds), name=job_id)
        return [line for line in lines if line["event"] == "handler_blocks_event_loop"]

    yield perform
    stopped.set()


async def test_a_handler_that_blocks_is_named_with_its_line(perform: Perform) -> None:
    (line,) = await perform("job_1", 2.0)
    assert (line["name"], line["job_id"], line["seconds"]) == ("send-letter", "job_1", 2.0)
    assert line["log_level"] == "warning"
    assert "/tests/" in line["line"]


async def test_once_a_minute_for_each_handler(perform: Perform, clock: ManualClock) -> None:
    assert len(await perform("job_1", 1.0)) == 1
    assert await perform("job_1", 1.0) == []
    assert len(await perform("job_2", 1.0)) == 1
    assert len(await perform("job_1", AGAIN_AFTER)) == 1


async def test_short_blocks_and_other_tasks_are_not_reported(perform: Perform) -> None:
    assert await perform("job_1", TOLERATED / 2) == []
    assert await perform("stranger", 5.0) == []
