"""A reporter that records what it gets, and contexts that report to it."""

import asyncio
from typing import Any

import orjson

from service.clock import Clock
from service.domain.job import Job, Lease
from service.domain.retry import RetryPolicy
from service.domain.states import State
from workers.engine.runs.run import RunTimes
from workers.engine.runs.slots import Slot, Slots
from workers.handling.cancel_notice import Flag
from workers.handling.context import JobContext


def lease(id: str = "job_1") -> Lease:
    job = Job(
        id=id,
        version=2,
        name="scripted",
        queue="default",
        state=State.RUNNING,
        priority=100,
        payload=b"{}",
        created_at=1_700_000_000_000,
        run_at=1_700_000_000_500,
        retry=RetryPolicy(),
        timeout_ms=60_000,
        retention_ms=60_000,
        failures=1,
    )
    return Lease(job, "token")


class Notes:
    """The decoded reports; each one sets `reported`."""

    def __init__(self) -> None:
        self.progressed: list[Any] = []
        self.logged: list[Any] = []
        self.reported = asyncio.Event()

    async def progress(self, lease: Lease, value: bytes) -> None:
        self.progressed.append(orjson.loads(value))
        self.reported.set()

    async def log(self, lease: Lease, line: bytes) -> None:
        self.logged.append(orjson.loads(line)["message"])
        self.reported.set()


def context(notes: Any, **shared: Any) -> JobContext:
    nobody: Any = None
    return JobContext(lease(), shared, notes, lambda _: nobody, Flag())


def times(timeout: float = 60.0, now: float = 0.0, claimed_at: int = 0) -> RunTimes:
    """The times of a run that starts at `now`."""
    return RunTimes(claimed_at, now, timeout, now + timeout, now + timeout + 60.0)


def slot() -> Slot:
    """The only slot of a worker, taken."""
    return Slots(Clock(), 1).acquire("job_1", "scripted")
