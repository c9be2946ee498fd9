"""Keeps a worker alive that starts after one was lost: what killed that one may be queued here again."""

import structlog

from service.clock import Clock

#: Seconds without a death after which handlers run where they belong again.
CALM = 10.0

log = structlog.get_logger("triage.caution")


class Caution:
    """While it is active every job runs in a process of its own, as a suspect does.

    Without it a worker that is restarted again and again, each time with new work that kills it, would
    never live long enough to find out which jobs do.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0

    @property
    def active(self) -> bool:
        return self._clock.monotonic() < self._until

    def begin(self) -> None:
        log.warning("worker_starts_with_caution", seconds=CALM)
        self._until = self._clock.monotonic() + CALM

    def died(self) -> None:
        """The process of a job has died."""
        if self.active:
            self._until = self._clock.monotonic() + CALM
