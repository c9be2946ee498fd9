"""Ends what its time has overtaken: expired jobs, missed deadlines, cancels at the end of their grace."""

from service.store.leases import Leases
from workers.maintenance.alarm import Alarm

#: Seconds between looks where nothing is known to be coming, and jobs per call.
PAUSE = 30.0
AT_MOST = 200


class Sweeper:
    """Sleeps until the next alarm; a claim that saw an earlier one wakes it."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._alarm = Alarm()
        self.expect = self._alarm.expect

    async def sweep(self) -> float:
        ended, next_in_ms = await self._leases.sweep(AT_MOST)
        if ended < AT_MOST:
            await self._alarm.wait(PAUSE if next_in_ms is None else min(PAUSE, next_in_ms / 1000 + 0.01))
        return 0.0
