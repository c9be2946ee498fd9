"""Wake-ups of one namespace, of which a subscription that all namespaces share tells."""

import asyncio
from collections.abc import Callable

from service.domain.errors import TriageError
from service.tasks import end
from workers.engine.pool import Pool

#: How long a claimer sleeps at most, in seconds: longer than one that blocks, because the heartbeats of this
#: worker also look for wake-ups and for overdue jobs.
REST = 300.0


def _nothing() -> None:
    pass


class AnnouncedWakeUps:
    """Every subscribed worker of the pool hears of a wake-up, and the idle ones compete for it.

    A busy worker leaves it to the others. If it is still there when this worker has nothing left to do, this
    worker takes it: until then, nothing announces the next one.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.on_wake: Callable[[], None] = _nothing
        self._listening = False
        #: Whether a wake-up may be waiting. Before the first subscription, it may.
        self._announced = True
        #: This worker has taken a wake-up and not claimed since.
        self._won = False
        self._taking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def note(self) -> None:
        """There may be a wake-up."""
        self._announced = True
        if self._listening:
            self._take()

    def listen(self) -> None:
        self._listening = True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(REST, self._on_rested)
        if self._announced:
            self._take()

    def consume(self) -> bool:
        won, self._won, self._listening = self._won, False, False
        self._stop_timer()
        return won

    async def close(self) -> None:
        self._listening = False
        self._stop_timer()
        if self._taking is not None:
            await end([self._taking])

    def _take(self) -> None:
        if self._taking is None or self._taking.done():
            self._taking = asyncio.create_task(self._compete())

    async def _compete(self) -> None:
        while self._listening and self._announced:
            self._announced = False
            try:
                self._won = await self._pool.take_wake_up() or self._won
            except TriageError:
                # The reply may be lost. A claim finds out, and waits for Redis if it must.
                self._won = True
            if self._won:
                self.on_wake()

    def _on_rested(self) -> None:
        self._timer = None
        self.on_wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
