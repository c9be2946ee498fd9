"""Whether this worker is alive and ready, as its probes report."""

from service.clock import Clock
from workers.engine.claimer import Claimer
from workers.engine.executor import Executor
from workers.engine.pool import BLOCK_AT_MOST
from workers.engine.watchdog import Watchdog

#: Seconds without a tick of the event loop, or without a claim, after which a worker is not alive.
DEAD_AFTER = max(60.0, 4 * BLOCK_AT_MOST)
#: Seconds without a claim, although slots are free, after which a worker is not ready.
UNCLAIMED_AT_MOST = 2 * BLOCK_AT_MOST


class Health:
    """Until `watchdog` is set, a worker is alive and not ready: it may have to wait for Redis."""

    def __init__(self, clock: Clock, executor: Executor, claimer: Claimer) -> None:
        self._clock = clock
        self._executor = executor
        self._claimer = claimer
        self.watchdog: Watchdog | None = None

    def live(self) -> str | None:
        """What is wrong, None when nothing is."""
        now = self._clock.monotonic()
        if self.watchdog is None:
            return None
        if now - self.watchdog.last_tick > DEAD_AFTER:
            return "the event loop is blocked"
        if self.unclaimed_seconds() > DEAD_AFTER:
            return "the claim loop is stuck"
        return None

    def unclaimed_seconds(self) -> float:
        """Seconds without a claim while slots were free; one that Redis does not answer is a claim, too."""
        slots = self._executor.slots
        if self.watchdog is None or slots.free <= 0 or self._executor.draining.is_set():
            return 0.0
        return max(0.0, self._clock.monotonic() - max(self._claimer.last_claim_at, slots.free_since))

    def ready(self) -> str | None:
        """Why this worker takes no jobs, None when it does."""
        if self.watchdog is None:
            return "starting"
        if self._executor.draining.is_set():
            return "draining"
        slots = self._executor.slots
        if slots.stuck >= slots.capacity:
            return "every slot is held by a run that does not end"
        if self.unclaimed_seconds() > UNCLAIMED_AT_MOST:
            return "slots are free and the claim loop is stuck"
        return self.live()
