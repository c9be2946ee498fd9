"""Fires schedules: any worker may, and each fire time is fired once over all of them (ADR 0014)."""

import asyncio
import contextlib
import math
from collections.abc import Callable

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.schedule import Schedule, decide
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.schedules import DueSchedules

#: Seconds between checks where nothing is known to be due, and schedules per check.
PAUSE = 30.0
AT_MOST = 100
#: Checks are at least this far apart, whatever the schedules.
LEAST_PAUSE = 0.2
#: A heartbeat's figure is older by the time that it took to get here: a smaller difference is none.
NEWS = 0.1
#: Seconds to wait past a fire time: a check that comes a moment early would find nothing.
PAST = 0.002

log = structlog.get_logger("triage.scheduler")


class Scheduler:
    """Sleeps until the next fire time; a heartbeat that reports an earlier one wakes it."""

    def __init__(
        self,
        stores: Namespace,
        new_id: Callable[[str], str],
        cancel_grace_ms: int,
        clock: Clock,
    ) -> None:
        self._schedules = stores.schedules
        self._workers = stores.workers
        self._queues = stores.queues
        self._new_id = new_id
        self._cancel_grace_ms = cancel_grace_ms
        self._clock = clock
        self._woken = asyncio.Event()
        self._checks_at = 0.0
        self._failing: set[str] = set()

    def schedule_check(self, seconds: float) -> None:
        """Something fires in `seconds`."""
        if self._clock.monotonic() + seconds < self._checks_at - NEWS:
            self._woken.set()

    async def work(self) -> float:
        """Fire what is due and sleep until the next fire time, or until an earlier one is known."""
        # What a heartbeat reports during a check may be newer than what the check sees.
        self._checks_at = math.inf
        self._woken.clear()
        look = await self._schedules.find_due(AT_MOST)
        stale = [not await self._attempt(found, look.now) for found in look.due]
        pause = LEAST_PAUSE if any(stale) else self._pause(look)
        self._checks_at = self._clock.monotonic() + pause
        await asyncio.sleep(LEAST_PAUSE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), max(0.0, pause - LEAST_PAUSE))
        return 0.0

    def _pause(self, look: DueSchedules) -> float:
        if len(look.due) == AT_MOST:
            return 0.0
        return PAUSE if look.next_in_ms is None else min(PAUSE, look.next_in_ms / 1000 + PAST)

    async def _attempt(self, found: Schedule, now: int) -> bool:
        """False if it has changed since; a schedule that cannot be fired must not hold up the others."""
        try:
            fired = await self.fire(found, now)
        except Exception as error:
            if isinstance(error, TriageError) and error.retryable:
                raise
            if found.name not in self._failing:
                log.error("schedule_not_fired", schedule=found.name, exc_info=error)
            self._failing.add(found.name)
            return True
        self._failing.discard(found.name)
        return fired

    async def fire(self, found: Schedule, now: int) -> bool:
        """Fire what is due of one schedule; False if another worker has, or if it was changed."""
        assert found.next_fire_time is not None
        definition = found.definition
        firing = decide(
            found.timetable, definition["catch_up"], found.next_fire_time, now, definition["overlap"]
        )
        name = definition["job"]["name"]
        types = await self._workers.job_types()
        job_type = next((known for known in types if known.name == name), None)
        spec = found.job(job_type, await self._queues.defaults())
        submissions = [Submission(self._new_id("job"), spec) for _ in firing.fire_times]
        if definition["overlap"] == "replace" and submissions:
            # First: a worker that dies in between leaves the firing to others, and no two jobs that run.
            await self._schedules.replace_unfinished(found, self._cancel_grace_ms)
        fired = await self._schedules.fire(found, firing, submissions)
        if fired:
            log.info("schedule_fired", schedule=found.name, slots=firing.fire_times, missed=firing.missed)
        return fired
