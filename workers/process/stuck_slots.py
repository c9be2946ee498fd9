"""Detects that every slot of a worker is held by a run that does not end."""

from collections.abc import Callable

import structlog

from workers.engine.runs.slots import Slots
from workers.telemetry.metrics import ProcessMetrics

log = structlog.get_logger("triage.stuck_slots")


class StuckSlots:
    """Calls `abandon` if no slot becomes free within `patience` seconds.

    A slow dependency can block every slot of a fleet for a while, and restarting all workers would make it
    worse. So the worker is not ready, waits, and exits only if that takes too long.
    """

    def __init__(
        self, slots: Slots, metrics: ProcessMetrics, patience: float, abandon: Callable[[], None]
    ) -> None:
        self._slots = slots
        self._metrics = metrics
        self._patience = patience
        self._abandon = abandon
        #: Since when every slot is stuck, in monotonic time.
        self._stuck_since: float | None = None

    def check(self, now: float) -> None:
        """Check the slots at `now`, on the monotonic clock."""
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
            self._abandon()
