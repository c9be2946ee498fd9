"""Stops runs that reach their deadline, with one timer for all."""

import asyncio
import math
from collections.abc import Callable, Mapping

from service.clock import Clock
from workers.engine.runs.run import Run, RunState


class Deadlines:
    """One timer, set to the earliest deadline: most runs end before theirs and need no timer."""

    def __init__(self, clock: Clock, runs: Mapping[str, Run], on_overdue: Callable[[Run], None]) -> None:
        self._clock = clock
        self._runs = runs
        self._on_overdue = on_overdue
        self._set_for = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, run: Run) -> None:
        """Stop this run when it reaches its deadline."""
        if run.times.deadline < self._set_for:
            self._set(run.times.deadline)

    def _set(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._set_for = deadline
        delay = max(0.0, deadline - self._clock.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._stop_overdue)

    def _stop_overdue(self) -> None:
        self._set_for, self._timer = math.inf, None
        now = self._clock.monotonic()
        running = [run for run in self._runs.values() if run.state is RunState.RUNNING]
        for run in running:
            if run.times.deadline <= now:
                self._on_overdue(run)
        later = [run.times.deadline for run in running if run.times.deadline > now]
        if later:
            self._set(min(later))
