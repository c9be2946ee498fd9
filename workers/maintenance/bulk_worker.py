"""Does the work of bulk actions, a portion at a time."""

import asyncio

from service.store.bulk.portions import BulkBatches

#: Seconds between looks; bulk actions are noticed at once.
PAUSE = 60.0


class BulkWorker:
    """Sleeps until the next portion, or until a heartbeat hears of work."""

    def __init__(self, batches: BulkBatches) -> None:
        self._batches = batches
        self._noticed = asyncio.Event()

    def notice(self) -> None:
        """There may be bulk actions."""
        self._noticed.set()

    async def work(self) -> float:
        self._noticed.clear()
        next_ms = await self._batches.work()
        if next_ms is not None:
            return min(PAUSE, next_ms / 1000)
        try:
            await asyncio.wait_for(self._noticed.wait(), PAUSE)
        except TimeoutError:
            return PAUSE / 10
        return 0.0
