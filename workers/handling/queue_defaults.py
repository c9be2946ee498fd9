"""Defaults from queues and job types for jobs that handlers submit, read at most once a second."""

from collections.abc import Mapping
from typing import Any

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.errors import TriageError
from service.store.queues.queues import Queues
from service.store.workers import WorkerRegistry

FRESH_SECONDS = 1.0


class QueueDefaults:
    def __init__(self, queues: Queues, clock: Clock) -> None:
        self._queues = queues
        self._clock = clock
        self._known: Mapping[str, Mapping[str, Any]] = {}
        self._read_at: float | None = None

    async def read(self) -> Mapping[str, Mapping[str, Any]]:
        """The defaults of each queue's jobs; the last known ones while Redis is unavailable."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at > FRESH_SECONDS:
            try:
                self._known = await self._queues.defaults()
            except TriageError:
                return self._known
            self._read_at = now
        return self._known


class PublishedTypes:
    """Job types of other workers, for jobs that this worker cannot run."""

    def __init__(self, workers: WorkerRegistry, clock: Clock) -> None:
        self._workers = workers
        self._clock = clock
        self._known: Mapping[str, JobType] = {}
        self._read_at: float | None = None

    async def read(self) -> Mapping[str, JobType]:
        """Job types by name; the last known ones while Redis is unavailable."""
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at > FRESH_SECONDS:
            try:
                self._known = {known.name: known for known in await self._workers.job_types()}
            except TriageError:
                return self._known
            self._read_at = now
        return self._known
