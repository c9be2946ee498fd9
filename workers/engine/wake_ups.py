"""Hears the wake-ups of this worker's pool through one long blocking call, which is kept over many claims."""

import asyncio
import random
from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.store.leases import Leases
from service.tasks import end

#: Seconds of one blocking call at most: bounds what a wake-up that got lost with a killed worker costs.
BLOCK_AT_MOST = 15.0
#: Seconds until the next call after one that failed: at least, and at random on top.
PAUSE, JITTER = 0.1, 0.5

log = structlog.get_logger("triage.wake_ups")


class WakeUps:
    """At most one wake-up is taken and not yet used: a busy worker takes one from the idle ones at most.

    Cancelling the call costs its connection, and Redis ends a blocked call up to 100 ms late. So what
    happens at a certain time has a timer beside the call, and the call is never cut short for it.
    """

    def __init__(self, leases: Leases, pool: str, look: Callable[[], None]) -> None:
        self._leases = leases
        self._pool = pool
        self._look = look
        self._call: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Begin a call, unless one is waiting; `look` is called when it ends."""
        if self._call is None:
            self._call = asyncio.create_task(self._block())
            self._call.add_done_callback(lambda _: self._look())

    def take(self) -> bool:
        """Whether a wake-up has come, or might have been missed; the next one needs `listen`."""
        if self._call is None or not self._call.done():
            return False
        self._call = None
        return True

    async def close(self) -> None:
        if self._call is not None:
            await end([self._call])

    async def _block(self) -> None:
        try:
            await self._leases.wait_for_work(self._pool, BLOCK_AT_MOST)
        except TriageError as error:
            log.warning("wake_up_failed", code=error.code)
            await asyncio.sleep(PAUSE + random.random() * JITTER)
