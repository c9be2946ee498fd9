"""Ends runs that have not ended by themselves: asks first, and gives a verdict when the grace is over."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from service.clock import Clock
from service.domain.outcome import Outcome, settle
from service.domain.states import FINISHED
from service.settings import Settings
from workers.engine.runs import outcomes
from workers.engine.runs.run import HARD_MARGIN, Run, Stop
from workers.engine.runs.slots import Slots
from workers.handling.cancel_notice import CancelReason

#: Seconds that runs get to react to the cancellation at the end of a drain.
DRAIN_GRACE = 1.0
#: Seconds by which a repeated cancel must end earlier to be a new one: the rest is the time of messages.
SHORTER_BY = 0.05

_REASONS: Mapping[Stop, CancelReason] = {
    "cancel": "cancelled",
    "timeout": "timeout",
    "lost": "lease_lost",
    "drain": "draining",
}

log = structlog.get_logger("triage.stopper")


class Stopper:
    """`conclude` gives a run its verdict."""

    def __init__(
        self, settings: Settings, clock: Clock, slots: Slots, conclude: Callable[[Run, Outcome], None]
    ) -> None:
        self._grace = settings.cancel_grace_seconds
        self._bound = settings.stuck_threads_seconds
        self._clock = clock
        self._slots = slots
        self._conclude = conclude

    def stop(self, run: Run, why: Stop, grace: float | None = None, message: str | None = None) -> None:
        """Ask a run to end; what has not ended within the grace is given a verdict without it."""
        if run.task is None or run.task.done() or run.concluded:
            return
        if grace is None:
            grace = DRAIN_GRACE if why == "drain" else self._grace
        if run.stop is None:
            run.stop = why
            run.context.notify_cancel(_REASONS[why], message)
            run.task.cancel()
            self._arm(run, grace, self._grace_is_over)
        elif why == "cancel":
            self._cancel_stopping(run, grace)

    def _cancel_stopping(self, run: Run, grace: float) -> None:
        # Heartbeats repeat a cancel, and a second request may have shortened its grace.
        if run.held:
            self.abandon(run)
        elif run.stop == "cancel" and run.timer is not None:
            ends_in = run.timer.when() - asyncio.get_running_loop().time()
            if grace < ends_in - SHORTER_BY:
                self._arm(run, grace, self._grace_is_over)

    def lose(self, run: Run) -> None:
        """The lease is gone: end the run, and let whoever owns the job now decide about it."""
        if run.lost or run.stop == "parked":
            return
        run.lost = True
        log.warning("lease_lost", job_id=run.job_id)
        if run.held:
            self.abandon(run)
        else:
            self.stop(run, "lost")

    def _arm(self, run: Run, seconds: float, then: Callable[[Run], None]) -> None:
        run.disarm()
        run.hard_deadline = max(run.hard_deadline, self._clock.monotonic() + seconds + HARD_MARGIN)
        run.timer = asyncio.get_running_loop().call_later(seconds, then, run)

    def _grace_is_over(self, run: Run) -> None:
        if run.concluded or run.task is None or run.task.done():
            return
        self._slots.mark_stuck(run.slot)
        if run.lost or run.stop != "timeout" or self._is_final(run):
            self.abandon(run)
        else:
            self._hold(run)

    def _hold(self, run: Run) -> None:
        """Keep the lease, so that no attempt runs beside this one (docs/adr/0025)."""
        run.held = True
        seconds, deadline_at = self._bound, run.lease.job.deadline_at
        if deadline_at is not None:
            # After it there is no other attempt to keep apart from this one.
            seconds = min(seconds, max(0.0, (deadline_at - self._redis_time(run)) / 1000))
        log.warning("retry_waits_for_unfinished_run", job_id=run.job_id, at_most_seconds=round(seconds, 3))
        self._arm(run, seconds, self.abandon)
        if run.task is not None and not run.context.threaded:
            run.task.cancel()

    def abandon(self, run: Run) -> None:
        """Give a verdict on a run that has not ended; it keeps its slot until it ends."""
        if run.concluded or run.task is None or run.task.done():
            return
        self._slots.mark_stuck(run.slot)
        log.error("run_abandoned", job_id=run.job_id, why=run.stop)
        self._conclude(run, outcomes.abandoned(run))
        run.task.cancel()

    def _is_final(self, run: Run) -> bool:
        """Whether the job would not run again by itself if this run were given its verdict now."""
        settlement = settle(run.lease.job, outcomes.abandoned(run), self._redis_time(run), lambda: 0.0)
        return settlement.move.target in FINISHED

    def _redis_time(self, run: Run) -> int:
        return run.claimed_at + round((self._clock.monotonic() - run.started) * 1000)
