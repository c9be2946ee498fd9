"""Protects a worker that starts after another was lost: the job that killed the other may run here next."""

import structlog

from service.clock import Clock

#: How long without a dead subprocess until handlers run in their usual executor again, in seconds.
CALM = 10.0

log = structlog.get_logger("triage.caution")


class Caution:
    """While it is active, every job runs in a subprocess, as suspects do.

    Otherwise a worker that is killed by different jobs after each restart would never live long enough to
    find out which jobs kill it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    @property
    def active(self) -> bool:
        # Most workers never begin with caution, and need not read the clock for each job.
        return self._until > 0.0 and self._clock.monotonic() < self._until

    def begin(self) -> None:
        log.warning("worker_starts_with_caution", seconds=CALM)
        self._until = self._clock.monotonic() + CALM

    def on_death(self) -> None:
        """Call when the subprocess of a job has died."""
        if self.active:
            self._until = self._clock.monotonic() + CALM
