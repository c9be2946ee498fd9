"""Rescues the jobs of lost workers, within the lease and one second (guarantee G5)."""

from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.reachability import Reachability
from service.store.leases import Leases
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
        self, leases: Leases, lease_seconds: float, metrics: Metrics, reachability: Reachability
    ) -> None:
        self._leases = leases
        self._lease = lease_seconds
        self._metrics = metrics
        self._reachability = reachability
        #: Whether the last check found that a worker was lost in the minute before.
        self.lost_lately = False
        #: Makes this worker's claimer claim at once.
        self.wake_claimer: Callable[[], None] = lambda: None

    async def rescue(self) -> float:
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
        if len(reply.rescued) >= AT_MOST:
            return 0.0
        if reply.next_in_ms is None:
            return self._lease
        return min(self._lease / 3, reply.next_in_ms / 1000 + PAST)
