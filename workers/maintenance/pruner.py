"""Deletes finished jobs past their retention, in small batches so that Redis never stalls."""

from service.store.leases import Leases
from workers.maintenance.alarm import Alarm

#: The interval between checks if no retention is about to end, the pause between batches of a large backlog,
#: both in seconds, and the most jobs per batch.
PAUSE = 60.0
NEXT_BATCH = 0.02
AT_MOST = 200
#: The shortest interval between checks, and the longest while other workers are always faster, in seconds.
#: One worker is enough; if it is gone, the heartbeats of the others report the work.
REST, LONGEST_REST = 0.5, 10.0


class Pruner:
    """Sleeps until the earliest retention ends; a heartbeat that reports an earlier one schedules a check."""

    def __init__(self, leases: Leases, pause: float = PAUSE) -> None:
        self._leases = leases
        self._pause = pause
        self._alarm = Alarm()
        self._rest = REST
        self.schedule_check = self._alarm.schedule_check

    async def prune(self) -> float:
        pruned, next_in_ms = await self._leases.prune(AT_MOST)
        if pruned and next_in_ms == 0:
            return NEXT_BATCH
        due = self._pause if next_in_ms is None else min(self._pause, next_in_ms / 1000 + 0.01)
        if pruned:
            # Check again soon: a heartbeat may miss a retention that ends right after this batch.
            self._rest = due = REST
        else:
            self._rest = min(self._rest * 2, LONGEST_REST)
        await self._alarm.wait(max(due, self._rest))
        return 0.0
