"""Rescues the jobs of lost workers, within the lease and one second (guarantee G5)."""

from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.reachability import Reachability
from service.store.leases import Leases
from workers.maintenance.alarm import Alarm
from workers.telemetry.metrics import Metrics

#: How long after an expiry to check, in seconds: a check slightly too early would find nothing.
PAST = 0.02
#: The most jobs per call.
AT_MOST = 100

log = structlog.get_logger("triage.rescuer")


class Rescuer:
    """Sleeps until the next lease may expire.

    While nothing runs, no lease can expire sooner than a lease length from now. While jobs run, a check also
    tells Redis that workers can reach it, which counts for half a lease.
    """

    def __init__(
        self,
        leases: Leases,
        lease_seconds: float,
        metrics: Metrics,
        reachability: Reachability,
        pause: float | None = None,
    ) -> None:
        """`pause`: the longest interval between checks while nothing runs; by default, a lease."""
        self._leases = leases
        self._lease = lease_seconds
        self._pause = lease_seconds if pause is None else pause
        self._alarm = Alarm()
        #: Whether a job ran at the last check.
        self._runs = False
        self._metrics = metrics
        self._reachability = reachability
        #: Whether the last check found that a worker was lost in the minute before.
        self.lost_lately = False
        #: Makes this worker's claimer claim at once.
        self.wake_claimer: Callable[[], None] = lambda: None

    async def work(self) -> float:
        """Check once; while nothing runs, sleep until a heartbeat reports a lease that may expire."""
        seconds = await self.rescue()
        if self._runs:
            return seconds
        await self._alarm.wait(seconds)
        return 0.0

    async def rescue(self) -> float:
        """Check once; returns the seconds until the next check."""
        try:
            reply = await self._leases.rescue(round(self._lease * 1000), AT_MOST, self._reachability.away_ms)
        except TriageError:
            self._reachability.missed()
            raise
        self._reachability.reached()
        self.lost_lately = reply.lost_lately
        if reply.rescued:
            log.warning("jobs_rescued", rescued=reply.rescued)
            self._metrics.stalled.inc(len(reply.rescued))
            # The script's wake-up may go to the lost worker itself.
            self.wake_claimer()
        self._runs = bool(reply.rescued) or reply.next_in_ms is not None
        if len(reply.rescued) >= AT_MOST:
            return 0.0
        if reply.next_in_ms is None:
            return self._pause
        return min(self._lease / 3, reply.next_in_ms / 1000 + PAST)

    def schedule_check(self, seconds: float) -> None:
        """A lease expires in `seconds`.

        Checks several times until then: if no process had reached Redis for half a lease, the lease would be
        protected as after an outage, and the rescue would be late.
        """
        self._alarm.schedule_check(min(seconds + PAST, self._lease / 3))
