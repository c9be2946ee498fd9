"""Waits for wake-ups of this worker's pool in one long blocking call, which outlives many claims."""

import asyncio
import random
from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.tasks import end
from workers.engine.pool import Pool

#: Seconds until the next call after one that failed: at least, and at random on top.
PAUSE, JITTER = 0.1, 0.5

log = structlog.get_logger("triage.wake_ups")


class WakeUps:
    """Holds at most one wake-up that is not used yet: a busy worker keeps no more from the idle ones.

    Cancelling the call costs its connection, and Redis ends a blocked call up to 100 ms late. So whatever is
    to happen at a certain time gets a timer beside the call, and the call is never cut short for it.
    """

    def __init__(self, pool: Pool, on_wake: Callable[[], None]) -> None:
        self._pool = pool
        self._on_wake = on_wake
        self._call: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Start a call, unless one is waiting; `on_wake` is called when it ends."""
        if self._call is None:
            self._call = asyncio.create_task(self._block())
            self._call.add_done_callback(lambda _: self._on_wake())

    def consume(self) -> bool:
        """Whether a wake-up has come, or may have been missed; for the next one call `listen` again."""
        if self._call is None or not self._call.done():
            return False
        self._call = None
        return True

    async def close(self) -> None:
        if self._call is not None:
            await end([self._call])

    async def _block(self) -> None:
        try:
            await self._pool.wait_for_wake_up()
        except TriageError as error:
            log.warning("wake_up_failed", code=error.code)
            await asyncio.sleep(PAUSE + random.random() * JITTER)
