"""Whether this worker is alive and ready, as its probes answer."""

from service.clock import Clock
from workers.claimer import Claimer
from workers.executor import Executor
from workers.heartbeat import Heartbeat

#: Seconds without a turn of the event loop, or of the claim loop, after which a worker is not alive.
DEAD_AFTER = 60.0


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
        busy = self._executor.free <= 0 or self._executor.draining.is_set()
        if not busy and now - self._claimer.last_turn > DEAD_AFTER:
            return "the claim loop does not turn"
        return None

    def ready(self) -> str | None:
        """Why no jobs are taken, None when they are."""
        if self.heartbeat is None:
            return "starting"
        if self._executor.draining.is_set():
            return "draining"
        return self.live()
