"""Proves that the event loop turns, says how late it was and how many slots are left, and when none is."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

import structlog

from service.clock import Clock
from workers.engine.runs.slots import Slots
from workers.process.loop_lag import LoopLag
from workers.telemetry.metrics import Metrics

#: Seconds between ticks of the event loop's clock.
TICK = 0.25

log = structlog.get_logger("triage.ticker")


class Ticker:
    """`ticked` hears the time of each tick; `give_up` that no slot became free within `patience` seconds.

    One slow dependency can hold every slot of a fleet for a while: ending the workers at once would only add
    their restarts to it. So the worker is not ready, waits, and ends itself when that takes too long.
    """

    def __init__(
        self,
        clock: Clock,
        patience: float,
        slots: Slots,
        metrics: Metrics,
        ticked: Callable[[float], None],
        give_up: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._slots = slots
        self._metrics = metrics
        self._ticked = ticked
        self._give_up = give_up
        #: Since when every slot is held by a run that did not end in its grace.
        self._stuck_since: float | None = None

    async def work(self) -> NoReturn:
        lag = LoopLag()
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(TICK)
            now = self._clock.monotonic()
            self._ticked(now)
            self._metrics.loop_lag.set(lag.worst(now, max(0.0, now - before - TICK)))
            self.look(now)

    def look(self, now: float) -> None:
        """At the slots, as they are now."""
        slots = self._slots
        self._metrics.stuck.set(slots.stuck)
        self._metrics.running.set(slots.used - slots.stuck)
        self._metrics.capacity.set(slots.capacity - slots.stuck)
        if slots.stuck < slots.capacity:
            if self._stuck_since is not None:
                log.info("slots_are_free_again", after_seconds=round(now - self._stuck_since, 1))
            self._stuck_since = None
        elif self._stuck_since is None:
            log.error("all_slots_are_stuck", slots=slots.capacity, ends_in_seconds=self._patience)
            self._stuck_since = now
        if self._stuck_since is not None and now - self._stuck_since >= self._patience:
            self._give_up()
