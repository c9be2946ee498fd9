"""Drops registry entries of workers that are long gone, and pools in which nobody is left."""

from service.store.workers import WorkerRegistry

#: Seconds between looks.
PAUSE = 60.0


class Janitor:
    def __init__(self, workers: WorkerRegistry) -> None:
        self._workers = workers

    async def tidy(self) -> float:
        await self._workers.forget_lost()
        return PAUSE
