"""Works on tasks of flows and fan-outs that are too large for a single script."""

import asyncio

from service.store.groups.tasks import GroupTasks

#: The interval between checks for groups past their retention, in seconds; heartbeats report new tasks.
PAUSE = 60.0


class GroupWorker:
    """Sleeps until a heartbeat reports tasks."""

    def __init__(self, groups: GroupTasks, pause: float = PAUSE) -> None:
        self._groups = groups
        self._pause = pause
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Check for tasks now."""
        self._woken.set()

    async def work(self) -> float:
        self._woken.clear()
        await self._groups.work()
        await self._groups.forget_ended()
        try:
            await asyncio.wait_for(self._woken.wait(), self._pause)
        except TimeoutError:
            return self._pause / 10
        return 0.0
