"""Ends runs whose time is up, with one timer for all of them."""

import asyncio
import math
from collections.abc import Callable, Mapping

from service.clock import Clock
from workers.engine.runs.run import Run


class Deadlines:
    """The timer is set to the earliest deadline: most runs end without a timer of their own."""

    def __init__(self, clock: Clock, runs: Mapping[str, Run], overdue: Callable[[Run], None]) -> None:
        self._clock = clock
        self._runs = runs
        self._overdue = overdue
        self._set_for = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, run: Run) -> None:
        """Remember a run that has just begun."""
        if run.deadline < self._set_for:
            self._set(run.deadline)

    def _set(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = deadline
        delay = max(0.0, deadline - self._clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._look)

    def _look(self) -> None:
        self._set_for, self._timer = math.inf, None
        now = self._clock.monotonic()
        going_on = [run for run in self._runs.values() if run.stop is None]
        for run in going_on:
            if run.deadline <= now:
                self._overdue(run)
        later = [run.deadline for run in going_on if run.deadline > now]
        if later:
            self._set(min(later))
