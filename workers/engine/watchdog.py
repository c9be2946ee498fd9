"""Exits the process when a handler blocks its event loop, after saving the outcomes of all runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.outcome import Failed, Failure, Interrupted, Outcome
from service.store.leases import Finish
from workers.engine.runs import outcomes
from workers.engine.runs.active_runs import ActiveRuns
from workers.engine.runs.run import Run

#: The exit status when a handler blocks the event loop.
EXIT_BLOCKED = 70
#: How long without a tick until the event loop counts as blocked, in seconds.
BLOCKED_AFTER = 2.0

log = structlog.get_logger("triage.watchdog")


class Watchdog:
    """The event loop ticks it, the heartbeat thread checks it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        #: The runs of each namespace, and what writes their outcomes from that thread.
        self._watched: Mapping[ActiveRuns, Callable[[Sequence[Finish]], None]] = {}
        #: Monotonic time of the last tick.
        self.last_tick = clock.monotonic()

    def watch(self, runs: ActiveRuns, finish: Callable[[Sequence[Finish]], None]) -> None:
        """Also watch the runs of another namespace; `finish` writes their outcomes from that thread."""
        self._watched = {**self._watched, runs: finish}

    def forget(self, runs: ActiveRuns) -> None:
        self._watched = {each: finish for each, finish in self._watched.items() if each is not runs}

    def tick(self, now: float) -> None:
        self.last_tick = now

    def check(self) -> None:
        """Exit the process if a run is overdue and the event loop cannot end it."""
        overdue = [run for runs in self._watched for run in runs.overdue()]
        if overdue and self._clock.monotonic() - self.last_tick > BLOCKED_AFTER:
            self._exit(overdue)

    def _exit(self, overdue: list[Run]) -> NoReturn:
        def outcome_of(run: Run) -> Outcome:
            # The run that blocks the loop has timed out; the other runs are innocent.
            if run in overdue:
                message = f"The handler blocked the event loop for over {run.times.timeout:g} seconds."
                return Failed(Failure("TimeoutError", message))
            return outcomes.timed_out(run) if run.has_timed_out else Interrupted()

        log.critical("event_loop_blocked", jobs=[run.job_id for run in overdue])
        for runs, finish in self._watched.items():
            if finishes := runs.last_finishes(outcome_of):
                try:
                    finish(finishes)
                except TriageError as error:
                    log.critical("finish_failed", code=error.code)
        os._exit(EXIT_BLOCKED)
