"""Ticks in the event loop, to prove that it works and to measure its lag."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NoReturn

from service.clock import Clock
from workers.process.loop_lag import LoopLag
from workers.telemetry.metrics import ProcessMetrics

#: The interval between ticks, in seconds.
TICK = 0.25


class LoopMonitor:
    """Calls `on_tick` with the time of each tick."""

    def __init__(
        self, clock: Clock, metrics: ProcessMetrics, on_tick: Sequence[Callable[[float], None]]
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._on_tick = on_tick

    async def work(self) -> NoReturn:
        lag = LoopLag()
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(TICK)
            now = self._clock.monotonic()
            self._metrics.loop_lag.set(lag.worst(now, max(0.0, now - before - TICK)))
            for call in self._on_tick:
                call(now)
