"""Removes the registry entries of workers that were lost long ago, and pools without workers."""

from service.store.workers import WorkerRegistry

#: The interval between checks, in seconds.
PAUSE = 60.0


class RegistryCleaner:
    def __init__(self, workers: WorkerRegistry, pause: float = PAUSE) -> None:
        self._workers = workers
        self._pause = pause

    async def clean(self) -> float:
        await self._workers.forget_lost()
        return self._pause
