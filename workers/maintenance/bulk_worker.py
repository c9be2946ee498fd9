"""Works on bulk actions, one batch of jobs at a time."""

import asyncio

from service.store.bulk.portions import BulkBatches

#: The interval between checks, in seconds; a heartbeat wakes this duty for a new bulk action.
PAUSE = 60.0


class BulkWorker:
    """Sleeps until the next batch, or until a heartbeat reports work."""

    def __init__(self, batches: BulkBatches, pause: float = PAUSE) -> None:
        self._batches = batches
        self._pause = pause
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Check for bulk actions now."""
        self._woken.set()

    async def work(self) -> float:
        self._woken.clear()
        next_ms = await self._batches.work()
        if next_ms is not None:
            return min(self._pause, next_ms / 1000)
        try:
            await asyncio.wait_for(self._woken.wait(), self._pause)
        except TimeoutError:
            return self._pause / 10
        return 0.0
