"""Schedules, and a worker that fires them."""

from typing import Any

from service.domain.schedule import Schedule
from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import new_id
from tests.support.manual_clock import ManualClock
from workers.maintenance.scheduler import Scheduler

SECOND, MINUTE = 1_000, 60_000


def definition(**fields: Any) -> dict[str, Any]:
    return {
        "cron": None,
        "every_ms": MINUTE,
        "timezone": "UTC",
        "start_ms": None,
        "end_ms": None,
        "catch_up": "none",
        "overlap": "allow",
        "job": {"name": "work"},
        **fields,
    }


def at(store: Namespace, ms: int) -> None:
    store.scripts.now = str(START + ms)


async def put(store: Namespace, name: str = "s", paused: bool = False, **fields: Any) -> Schedule:
    before, now = await store.schedules.read(name)
    await store.schedules.put(name, definition(**fields), paused, before, now)
    return await read(store, name)


async def read(store: Namespace, name: str = "s") -> Schedule:
    found = await store.schedules.get(name)
    assert found is not None
    return found


def worker(store: Namespace) -> Scheduler:
    return Scheduler(store, lambda _: new_id(), 5_000, ManualClock())


async def fire(store: Namespace) -> None:
    """One check by one worker."""
    look = await store.schedules.find_due(100)
    for found in look.due:
        await worker(store).fire(found, look.now)


async def started(store: Namespace, name: str = "s") -> list[int | None]:
    """The fire times that became jobs, in seconds, oldest first."""
    runs = (await read(store, name)).runs
    return [
        None if run.fire_time is None else (run.fire_time - START) // SECOND
        for run in reversed(runs)
        if run.outcome == "created"
    ]


async def jobs_of(store: Namespace, queue: str = "default") -> int:
    found = await store.queues.get(queue)
    return sum(found.counts.values()) if found else 0
