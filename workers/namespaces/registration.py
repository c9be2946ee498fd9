"""Maintains this worker's entry in the registry of one namespace, from its start to the end of its drain."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.errors import TriageError
from service.domain.worker import WorkerRecord
from service.reachability import Reachability
from service.store.namespace import Namespace
from service.store.redis.server_check import ServerProblem

log = structlog.get_logger("triage.worker")


class Registration:
    """Publishes the worker and its job types."""

    def __init__(
        self,
        record: WorkerRecord,
        job_types: Sequence[JobType],
        namespace: Namespace,
        find_problem: Callable[[], Awaitable[ServerProblem | None]],
        clock: Clock,
        reachability: Reachability,
    ) -> None:
        """`find_problem` says why Redis cannot be used, or None."""
        self._record = record
        self._job_types = job_types
        self._find_problem = find_problem
        self._namespace = namespace
        self._clock = clock
        self._reachability = reachability

    async def join(self, drain_started: asyncio.Event) -> None:
        """Register as soon as Redis is usable; returns afterwards, or when the drain begins."""
        warned = ""
        while not drain_started.is_set():
            try:
                found = await self._find_problem()
                if found is None:
                    await self._namespace.workers.register(self._record, self._job_types)
                    return
                problem = found.sentence
            except TriageError as error:
                self._reachability.missed()
                problem = error.code
            if problem != warned:
                log.warning("waiting_for_redis", problem=problem)
                warned = problem
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(drain_started.wait(), 0.5 + random.random() / 2)

    async def renew(self) -> None:
        """Register again, when Redis no longer knows this worker."""
        try:
            record = replace(self._record, seen_at=self._clock.now_ms())
            await self._namespace.workers.register(record, self._job_types)
        except TriageError as error:
            log.warning("not_registered", code=error.code)

    async def leave(self) -> None:
        """Wake another worker, since this one may have consumed a wake-up, and deregister."""
        await self._namespace.leases.wake(self._record.pool)
        await self.deregister()

    async def deregister(self) -> None:
        await self._namespace.workers.deregister(self._record.id)
