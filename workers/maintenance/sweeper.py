"""Ends what its time has overtaken: expired jobs, missed deadlines, cancels at the end of their grace."""

import asyncio

from service.store.leases import Leases

#: Seconds between looks where nothing is known to be coming, and jobs per call.
PAUSE = 30.0
AT_MOST = 200


class Sweeper:
    """Sleeps until the next alarm; a claim that saw an earlier one wakes it."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._alarm = asyncio.Event()
        self._earliest = PAUSE

    def expect(self, seconds: float) -> None:
        """Something may be due in `seconds`."""
        if seconds < self._earliest:
            self._earliest = seconds
            self._alarm.set()

    async def sweep(self) -> float:
        ended, next_in_ms = await self._leases.sweep(AT_MOST)
        if ended >= AT_MOST:
            return 0.0
        self._earliest = PAUSE if next_in_ms is None else min(PAUSE, next_in_ms / 1000 + 0.01)
        self._alarm.clear()
        try:
            await asyncio.wait_for(self._alarm.wait(), self._earliest)
        except TimeoutError:
            return 0.0
        return self._earliest
