"""Whether this worker is alive and ready, as its probes answer."""

from service.clock import Clock
from workers.engine.claimer import Claimer
from workers.engine.executor import Executor
from workers.engine.heartbeat import Heartbeat
from workers.engine.wake_ups import BLOCK_AT_MOST

#: Seconds without a turn of the event loop, or of the claim loop, after which a worker is not alive.
DEAD_AFTER = max(60.0, 4 * BLOCK_AT_MOST)
#: Seconds without a claim, although slots are free, after which a worker is not ready.
UNCLAIMED_AT_MOST = 2 * BLOCK_AT_MOST


class Health:
    """Until the heartbeat runs, a worker is alive and not ready: it may wait for Redis for long."""

    def __init__(self, clock: Clock, executor: Executor, claimer: Claimer) -> None:
        self._clock = clock
        self._executor = executor
        self._claimer = claimer
        self.heartbeat: Heartbeat | None = None

    def live(self) -> str | None:
        """What is wrong, None when nothing is."""
        now = self._clock.monotonic()
        if self.heartbeat is None:
            return None
        if now - self.heartbeat.last_tick > DEAD_AFTER:
            return "the event loop does not turn"
        if self.unclaimed_seconds() > DEAD_AFTER:
            return "the claim loop does not turn"
        return None

    def unclaimed_seconds(self) -> float:
        """Seconds without a claim while slots were free; one that Redis does not answer is a claim, too."""
        slots = self._executor.slots
        if self.heartbeat is None or slots.free <= 0 or self._executor.draining.is_set():
            return 0.0
        return max(0.0, self._clock.monotonic() - max(self._claimer.last_turn, slots.free_since))

    def ready(self) -> str | None:
        """Why no jobs are taken, None when they are."""
        if self.heartbeat is None:
            return "starting"
        if self._executor.draining.is_set():
            return "draining"
        slots = self._executor.slots
        if slots.stuck >= slots.capacity:
            return "every slot is held by a run that does not end"
        if self.unclaimed_seconds() > UNCLAIMED_AT_MOST:
            return "slots are free and the claim loop does not turn"
        return self.live()
