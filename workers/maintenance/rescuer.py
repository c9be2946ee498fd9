"""Takes jobs back from workers that died: promise G5, within the lease and one second."""

from collections.abc import Callable

import structlog

from service.store.leases import Leases
from workers.metrics import Metrics

#: Seconds to wait past an expiry before looking: the timer must not fire a moment early.
PAST = 0.02
#: Jobs per call.
AT_MOST = 100

log = structlog.get_logger("triage.rescuer")


class Rescuer:
    """Sleeps until the next lease can expire.

    Where nothing runs, a lease that begins meanwhile cannot expire before one lease length. Where
    something runs, looking also keeps the pulse, which lasts half a lease.
    """

    def __init__(
        self, leases: Leases, lease_seconds: float, metrics: Metrics, nudge: Callable[[], None]
    ) -> None:
        self._leases = leases
        self._lease = lease_seconds
        self._metrics = metrics
        self._nudge = nudge

    async def rescue(self) -> float:
        answer = await self._leases.rescue(round(self._lease * 1000), AT_MOST)
        found = [*answer.rescued, *answer.buried]
        if found:
            log.warning("jobs_rescued", rescued=answer.rescued, dead=answer.buried)
            self._metrics.stalled.inc(len(found))
            # The wake-up may go to the very worker whose lease ran out.
            self._nudge()
        if len(found) >= AT_MOST:
            return 0.0
        if answer.next_in_ms is None:
            return self._lease
        return min(self._lease / 3, answer.next_in_ms / 1000 + PAST)
