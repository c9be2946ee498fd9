"""Takes jobs back from workers that died: promise G5, within the lease and one second."""

from collections.abc import Callable

import structlog

from service.domain.errors import TriageError
from service.reachability import Reachability
from service.store.leases import Leases
from workers.telemetry.metrics import Metrics

#: Seconds to wait past an expiry: a check that comes a moment early would find nothing.
PAST = 0.02
#: Jobs per call.
AT_MOST = 100

log = structlog.get_logger("triage.rescuer")


class Rescuer:
    """Sleeps until the next lease may be taken.

    Where nothing runs, a lease that begins meanwhile cannot expire before one lease length. Where
    something runs, a check also tells Redis that workers are there, which holds for half a lease.
    """

    def __init__(
        self, leases: Leases, lease_seconds: float, metrics: Metrics, reachability: Reachability
    ) -> None:
        self._leases = leases
        self._lease = lease_seconds
        self._metrics = metrics
        self._reachability = reachability
        #: Whether a worker was lost in the last minute, as of the last check.
        self.lost_lately = False
        #: Makes this worker claim at once.
        self.wake_claimer: Callable[[], None] = lambda: None

    async def rescue(self) -> float:
        try:
            answer = await self._leases.rescue(round(self._lease * 1000), AT_MOST, self._reachability.away_ms)
        except TriageError:
            self._reachability.missed()
            raise
        self._reachability.reached()
        self.lost_lately = answer.lost_lately
        if answer.rescued:
            log.warning("jobs_rescued", rescued=answer.rescued)
            self._metrics.stalled.inc(len(answer.rescued))
            # The wake-up may go to the very worker whose lease ran out.
            self.wake_claimer()
        if len(answer.rescued) >= AT_MOST:
            return 0.0
        if answer.next_in_ms is None:
            return self._lease
        return min(self._lease / 3, answer.next_in_ms / 1000 + PAST)
