"""Forgets finished jobs past their retention, a few at a time so that Redis never stalls."""

from service.store.leases import Leases
from workers.maintenance.alarm import Alarm

#: Seconds between looks where no retention is known to end, between portions of a large backlog, and jobs
#: per portion.
PAUSE = 60.0
NEXT_PORTION = 0.02
AT_MOST = 200
#: Seconds between two looks: at least, and where other workers were faster each time. One is enough, and the
#: others hear from their heartbeats when it is gone.
REST, LONGEST_REST = 0.5, 10.0


class Pruner:
    """Sleeps until the earliest retention ends; heartbeats tell of one that is earlier."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._alarm = Alarm()
        self._rest = REST
        self.expect = self._alarm.expect

    async def prune(self) -> float:
        pruned, next_in_ms = await self._leases.prune(AT_MOST)
        if pruned >= AT_MOST:
            return NEXT_PORTION
        due = PAUSE if next_in_ms is None else min(PAUSE, next_in_ms / 1000 + 0.01)
        if pruned:
            # Once more: nobody is told of what has ended right after the last one (groups.lua).
            self._rest = due = REST
        else:
            self._rest = min(self._rest * 2, LONGEST_REST)
        await self._alarm.wait(max(due, self._rest))
        return 0.0
