"""Ends queued jobs that nobody can run: their type was known to no worker for TRIAGE_UNROUTABLE_SECONDS.

A worker that drained leaves the registry at once and its successor may take minutes to start, so that one
look which finds nobody proves nothing. The time counts from the first of an unbroken row of looks that found
nobody; a worker that registers ends the row for its types. A look is part of the call that buries.
"""

import structlog

from service.store.leases import Leases

#: Seconds between looks, and between portions of many jobs.
PAUSE = 60.0
NEXT_PORTION = 0.02
AT_MOST = 200
#: Seconds without a look that break the row: nobody was there to see a worker, or Redis was away.
VOID_AFTER = 3 * PAUSE

log = structlog.get_logger("triage.undertaker")


class Undertaker:
    def __init__(self, leases: Leases, after_seconds: float) -> None:
        self._leases = leases
        self._after_ms = round(after_seconds * 1000)

    async def bury(self) -> float:
        buried = await self._leases.bury_unroutable(self._after_ms, round(VOID_AFTER * 1000), AT_MOST)
        if buried:
            log.warning("jobs_unroutable", dead=buried)
        return NEXT_PORTION if buried >= AT_MOST else PAUSE
