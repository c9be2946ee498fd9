"""Stops runs: requests it first, and decides the outcome of a run that has not ended after its grace."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

import structlog

from service.clock import Clock
from service.domain.outcome import settle
from service.domain.states import FINISHED
from service.settings import Settings
from workers.engine.runs import outcomes
from workers.engine.runs.active_runs import ActiveRuns
from workers.engine.runs.run import STOPS, Run, RunState
from workers.engine.runs.slots import Slot
from workers.handling.cancel_notice import CancelReason

#: How long runs have to react to the cancellation at the end of a drain, in seconds.
DRAIN_GRACE = 1.0
#: A repeated cancel must end this much earlier to be a new one: less is the delay of messages, in seconds.
SHORTER_BY = 0.05

_REASONS: Mapping[RunState, CancelReason] = {
    RunState.CANCELLED: "cancelled",
    RunState.TIMED_OUT: "timeout",
    RunState.LEASE_LOST: "lease_lost",
    RunState.DRAINED: "draining",
}

log = structlog.get_logger("triage.stopper")


class Stuck(Protocol):
    """Learns which slots are still held after the grace period of their runs."""

    def mark_stuck(self, slot: Slot) -> None: ...


class Stopper:
    """Moves runs out of RUNNING; only `ActiveRuns` concludes them."""

    def __init__(self, settings: Settings, clock: Clock, slots: Stuck, runs: ActiveRuns) -> None:
        self._grace = settings.cancel_grace_seconds
        self._patience = settings.stuck_threads_seconds
        self._clock = clock
        self._slots = slots
        self._runs = runs

    def stop(self, run: Run, why: RunState, grace: float | None = None, message: str | None = None) -> None:
        """Request that a run stops; after the grace, decide its outcome without it."""
        assert why in STOPS
        if not run.may_be_stopped:
            return
        if grace is None:
            grace = DRAIN_GRACE if why is RunState.DRAINED else self._grace
        if run.state is RunState.RUNNING:
            run.enter(why)
            run.context.notify_cancel(_REASONS[why], message)
            assert run.task is not None
            run.task.cancel()
            self._arm(run, grace, self._on_grace_over)
        elif why is RunState.CANCELLED:
            self._cancel_stopping(run, grace)

    def _cancel_stopping(self, run: Run, grace: float) -> None:
        # Heartbeats repeat a cancel, and a second request may have shortened its grace.
        if run.state is RunState.UNRESPONSIVE:
            self.abandon(run)
        elif run.state is RunState.CANCELLED and run.timer is not None:
            ends_in = run.timer.when() - asyncio.get_running_loop().time()
            if grace < ends_in - SHORTER_BY:
                self._arm(run, grace, self._on_grace_over)

    def on_lease_lost(self, run: Run) -> None:
        """Stop the run and write nothing: another worker may own the job by now."""
        if run.is_concluded or not run.owns_job:
            return
        log.warning("lease_lost", job_id=run.job_id)
        before = run.state
        if before is RunState.RUNNING and run.may_be_stopped:
            self.stop(run, RunState.LEASE_LOST)
            return
        run.enter(RunState.LEASE_LOST)
        if before is RunState.UNRESPONSIVE:
            self.abandon(run)

    def _arm(self, run: Run, seconds: float, then: Callable[[Run], None]) -> None:
        run.disarm()
        run.times.extend(self._clock.monotonic() + seconds)
        run.timer = asyncio.get_running_loop().call_later(seconds, then, run)

    def _on_grace_over(self, run: Run) -> None:
        if not run.may_be_stopped:
            return
        self._slots.mark_stuck(run.slot)
        if run.state is RunState.TIMED_OUT and not self._is_final(run):
            self._keep_lease(run)
        else:
            self.abandon(run)

    def _keep_lease(self, run: Run) -> None:
        """Hold back the next attempt while this one's thread may still end (docs/adr/0025)."""
        run.enter(RunState.UNRESPONSIVE)
        seconds, deadline_at = self._patience, run.lease.job.deadline_at
        if deadline_at is not None:
            # There are no attempts after the deadline, so nothing to hold back.
            left = deadline_at - run.times.redis_time(self._clock.monotonic())
            seconds = min(seconds, max(0.0, left / 1000))
        log.warning("retry_waits_for_unfinished_run", job_id=run.job_id, at_most_seconds=round(seconds, 3))
        self._arm(run, seconds, self.abandon)
        if run.task is not None and not run.context.threaded:
            run.task.cancel()

    def abandon(self, run: Run) -> None:
        """Decide the outcome of a run that has not ended; the run keeps its slot until it ends."""
        if not run.may_be_stopped:
            return
        self._slots.mark_stuck(run.slot)
        log.error("run_abandoned", job_id=run.job_id, why=run.why)
        self._runs.conclude(run, outcomes.abandoned(run))
        if run.task is not None:
            run.task.cancel()

    def _is_final(self, run: Run) -> bool:
        """Whether this run's outcome would finish the job, so that no retry follows."""
        now = run.times.redis_time(self._clock.monotonic())
        settlement = settle(run.lease.job, outcomes.abandoned(run), now, lambda: 0.0)
        return settlement.move.target in FINISHED
