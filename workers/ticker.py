"""Proves that the event loop turns, and says how late it was and how many slots are left."""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from service.clock import Clock
from workers.executor import Executor
from workers.loop_lag import LoopLag
from workers.metrics import Metrics
from workers.runners import Runners

#: Seconds between ticks of the event loop's clock.
TICK = 0.25


class Ticker:
    """`ticked` hears the time of each tick; `stuck` that no slot will ever be free again."""

    def __init__(
        self,
        clock: Clock,
        capacity: int,
        executor: Executor,
        runners: Runners,
        metrics: Metrics,
        ticked: Callable[[float], None],
        stuck: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._capacity = capacity
        self._executor = executor
        self._runners = runners
        self._metrics = metrics
        self._ticked = ticked
        self._stuck = stuck

    async def work(self) -> NoReturn:
        lag = LoopLag()
        while True:
            before = self._clock.monotonic()
            await asyncio.sleep(TICK)
            now = self._clock.monotonic()
            self._ticked(now)
            self._metrics.loop_lag.set(lag.worst(now, max(0.0, now - before - TICK)))
            self._metrics.running.set(len(self._executor.runs))
            # A run that cannot be stopped takes its slot away for good.
            capacity = self._capacity - len(self._executor.leaked) - self._runners.leaked
            self._metrics.capacity.set(capacity)
            if capacity <= 0:
                self._stuck()
