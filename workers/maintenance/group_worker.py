"""Carries on the work on flows and fan-outs that one script could not do."""

import asyncio

from service.store.groups.tasks import GroupTasks

#: Seconds between looks for groups past their retention; tasks are noticed at once.
PAUSE = 60.0


class Keeper:
    """Sleeps until a heartbeat hears of tasks."""

    def __init__(self, groups: GroupTasks) -> None:
        self._groups = groups
        self._noticed = asyncio.Event()

    def notice(self) -> None:
        """There are tasks."""
        self._noticed.set()

    async def keep(self) -> float:
        self._noticed.clear()
        await self._groups.work()
        await self._groups.forget_ended()
        try:
            await asyncio.wait_for(self._noticed.wait(), PAUSE)
        except TimeoutError:
            return PAUSE / 10
        return 0.0
