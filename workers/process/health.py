"""Decides whether this worker is alive and ready, for its probes."""

from collections.abc import Callable

from service.clock import Clock
from workers.engine.pool import BLOCK_AT_MOST
from workers.engine.runs.slots import Slots
from workers.engine.watchdog import Watchdog

#: How long without a tick of the event loop, or without a claim, until a worker is not alive, in seconds.
DEAD_AFTER = max(60.0, 4 * BLOCK_AT_MOST)
#: How long without a claim, although slots are free, until a worker is not ready, in seconds.
UNCLAIMED_AT_MOST = 2 * BLOCK_AT_MOST


class Health:
    """Until `watchdog` is set, a worker is alive but not ready, since it may be waiting for Redis."""

    def __init__(
        self,
        clock: Clock,
        slots: Slots,
        is_draining: Callable[[], bool],
        last_claim_at: Callable[[], float],
        rest: float = BLOCK_AT_MOST,
    ) -> None:
        """`last_claim_at`: where it was longest ago, or the heartbeat of a claimer that sleeps.

        `rest`: how long it may be ago, in seconds.
        """
        self._clock = clock
        self._slots = slots
        self._is_draining = is_draining
        self._last_claim_at = last_claim_at
        self._dead_after = max(DEAD_AFTER, 4 * rest)
        self._unclaimed_at_most = 2 * rest
        self.watchdog: Watchdog | None = None

    def live(self) -> str | None:
        """The problem, or None."""
        now = self._clock.monotonic()
        if self.watchdog is None:
            return None
        if now - self.watchdog.last_tick > DEAD_AFTER:
            return "the event loop is blocked"
        if self.unclaimed_seconds() > self._dead_after:
            return "the claim loop is stuck"
        return None

    def unclaimed_seconds(self) -> float:
        """Seconds without a claim while slots were free. A claim that fails because of Redis also counts."""
        slots = self._slots
        if self.watchdog is None or slots.free <= 0 or self._is_draining():
            return 0.0
        return max(0.0, self._clock.monotonic() - max(self._last_claim_at(), slots.free_since))

    def ready(self) -> str | None:
        """Why this worker claims no jobs; None if it does."""
        if self.watchdog is None:
            return "starting"
        if self._is_draining():
            return "draining"
        if self._slots.stuck >= self._slots.capacity:
            return "every slot is held by a run that does not end"
        if self.unclaimed_seconds() > self._unclaimed_at_most:
            return "slots are free and the claim loop is stuck"
        return self.live()
