"""Buries queued jobs whose type no worker has known for TRIAGE_UNROUTABLE_SECONDS.

A drained worker leaves the registry at once and its successor may take minutes to start, so a single check
that finds no worker proves nothing. The time counts from the first check of an unbroken series without a
worker; a worker that registers ends the series for its types. The call that buries is also a check.
"""

import structlog

from service.store.leases import Leases

#: The interval between checks, and the pause between batches, in seconds.
PAUSE = 60.0
NEXT_BATCH = 0.02
AT_MOST = 200
#: How long without a check breaks the series, in seconds: a worker may have come and gone meanwhile.
VOID_AFTER = 3 * PAUSE

log = structlog.get_logger("triage.unroutable_reaper")


class UnroutableReaper:
    def __init__(self, leases: Leases, after_seconds: float) -> None:
        self._leases = leases
        self._after_ms = round(after_seconds * 1000)

    async def bury(self) -> float:
        buried = await self._leases.bury_unroutable(self._after_ms, round(VOID_AFTER * 1000), AT_MOST)
        if buried:
            log.warning("jobs_unroutable", dead=buried)
        return NEXT_BATCH if buried else PAUSE
