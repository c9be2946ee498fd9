"""Fires schedules: any worker may do it, and each fire time fires once across all workers (ADR 0014)."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.schedule import Firing, Schedule, decide
from service.store.jobs import Submission, batches
from service.store.namespace import Namespace
from service.store.schedules import DueSchedules

#: The interval between checks without a known fire time, in seconds, and the most schedules per check.
PAUSE = 30.0
AT_MOST = 50
#: The shortest interval between checks, in seconds.
LEAST_PAUSE = 0.2
#: A fire time from a heartbeat must be earlier by more than this to matter, in seconds: replies take time.
TOLERANCE = 0.1
#: How long after a fire time to check, in seconds: a check slightly too early would find nothing.
PAST = 0.002

log = structlog.get_logger("triage.scheduler")


class Scheduler:
    """Sleeps until the next fire time; a heartbeat that reports an earlier one wakes it."""

    def __init__(
        self,
        namespace: Namespace,
        new_id: Callable[[str], str],
        cancel_grace_ms: int,
        clock: Clock,
        pause: float = PAUSE,
    ) -> None:
        self._schedules = namespace.schedules
        self._workers = namespace.workers
        self._queues = namespace.queues
        self._new_id = new_id
        self._cancel_grace_ms = cancel_grace_ms
        self._clock = clock
        self._longest_pause = pause
        self._woken = asyncio.Event()
        self._checks_at = 0.0
        self._failing: set[str] = set()

    def schedule_check(self, seconds: float) -> None:
        """A schedule fires in `seconds`."""
        if self._clock.monotonic() + seconds < self._checks_at - TOLERANCE:
            self._woken.set()

    async def work(self) -> float:
        """Fire due schedules, and sleep until the next fire time or until an earlier one is known."""
        # A heartbeat during the check may know of a change that the check has missed.
        self._checks_at = math.inf
        self._woken.clear()
        found_due = await self._schedules.find_due(AT_MOST)
        stale = [not await self._attempt(found, found_due.now) for found in found_due.due]
        pause = LEAST_PAUSE if any(stale) else self._pause(found_due)
        self._checks_at = self._clock.monotonic() + pause
        await asyncio.sleep(LEAST_PAUSE)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), max(0.0, pause - LEAST_PAUSE))
        return 0.0

    def _pause(self, found_due: DueSchedules) -> float:
        if len(found_due.due) == AT_MOST:
            return 0.0
        if found_due.next_in_ms is None:
            return self._longest_pause
        return min(self._longest_pause, found_due.next_in_ms / 1000 + PAST)

    async def _attempt(self, found: Schedule, now: int) -> bool:
        """Return False if the schedule has changed. One that cannot be fired must not delay the others."""
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
        """Fire a schedule's due fire times; False if another worker has, or if the schedule has changed."""
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
            # Before firing: if this worker dies in between, another one fires, and never two jobs run.
            await self._schedules.replace_unfinished(found, self._cancel_grace_ms)
        if not await self._fire(found, firing, submissions):
            return False
        log.info("schedule_fired", schedule=found.name, slots=firing.fire_times, missed=firing.missed)
        return True

    async def _fire(self, found: Schedule, firing: Firing, submissions: Sequence[Submission]) -> bool:
        """Fire as many times per call as Redis has time for: each call advances the schedule."""
        times, missed = firing.fire_times, firing.missed
        for batch in [*batches(submissions)] or [[]]:
            later = times[len(batch) :]
            part = Firing(times[: len(batch)], missed, later[0] if later else firing.next_fire_time)
            if not await self._schedules.fire(found, part, batch):
                return False
            found, times, missed = replace(found, next_fire_time=part.next_fire_time), later, None
        return True
