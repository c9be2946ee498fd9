"""Forgets finished jobs past their retention, a few at a time so that Redis never stalls."""

from service.store.leases import Leases

#: Seconds between looks, between portions of a large backlog, and jobs per portion.
PAUSE = 60.0
NEXT_PORTION = 0.02
AT_MOST = 200


class Pruner:
    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    async def prune(self) -> float:
        return NEXT_PORTION if await self._leases.prune(AT_MOST) >= AT_MOST else PAUSE
