"""Finishes jobs that have expired, missed their deadline, or outlived the grace of a cancel request."""

from service.store.leases import Leases
from workers.maintenance.alarm import Alarm

#: The interval between checks without a known due time, in seconds, and the most jobs per call.
PAUSE = 30.0
AT_MOST = 200


class Expirer:
    """Sleeps until the next job is due; a claim that sees an earlier one schedules a check."""

    def __init__(self, leases: Leases, pause: float = PAUSE) -> None:
        self._leases = leases
        self._pause = pause
        self._alarm = Alarm()
        self.schedule_check = self._alarm.schedule_check

    async def expire(self) -> float:
        ended, next_in_ms = await self._leases.expire_jobs(AT_MOST)
        if ended and next_in_ms == 0:
            return 0.0
        seconds = self._pause if next_in_ms is None else min(self._pause, next_in_ms / 1000 + 0.01)
        await self._alarm.wait(seconds)
        return 0.0
