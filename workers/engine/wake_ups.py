"""Waits for wake-ups of this worker's pool in one long blocking call that spans many claims."""

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

import structlog

from service.domain.errors import TriageError
from service.tasks import end
from workers.engine.pool import Pool

#: The pause after a failed call, in seconds: a minimum, and a random part on top.
PAUSE, JITTER = 0.1, 0.5

log = structlog.get_logger("triage.wake_ups")


def _nothing() -> None:
    pass


class WakeUpSource(Protocol):
    """Where a claimer gets its wake-ups from. It calls `on_wake` when there may be something to claim."""

    on_wake: Callable[[], None]

    def listen(self) -> None:
        """The claimer sleeps."""
        ...

    def consume(self) -> bool:
        """The claimer is awake; whether it has used up a wake-up, which it passes on if it is full."""
        ...

    def note(self) -> None:
        """A wake-up waits to be taken."""
        ...

    async def close(self) -> None: ...


class WakeUps:
    """Holds at most one unused wake-up, so that a busy worker leaves the others to idle ones.

    Cancelling the call costs its connection, and Redis ends a blocked call up to 100 ms late. So due times
    have their own timers, and no call is cut short for them.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.on_wake = _nothing
        self._call: asyncio.Task[None] | None = None

    def listen(self) -> None:
        """Start a call unless one is in progress; it calls `on_wake` when it ends."""
        if self._call is None:
            self._call = asyncio.create_task(self._block())
            self._call.add_done_callback(lambda _: self.on_wake())

    def consume(self) -> bool:
        """Whether a wake-up has come or may have been missed; call `listen` for the next one."""
        if self._call is None or not self._call.done():
            return False
        self._call = None
        return True

    def note(self) -> None:
        """The blocking call takes it."""

    async def close(self) -> None:
        if self._call is not None:
            await end([self._call])

    async def _block(self) -> None:
        try:
            await self._pool.wait_for_wake_up()
        except TriageError as error:
            log.warning("wake_up_failed", code=error.code)
            await asyncio.sleep(PAUSE + random.random() * JITTER)
