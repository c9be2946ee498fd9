"""`ctx["redis"]`: arq's client interface over Triage's store, so that arq handlers enqueue jobs unchanged."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from arq.connections import ArqRedis

from service.clock import Clock
from service.domain.errors import QueueFull, TooManyQueues
from service.domain.job import JobSpec, Unique
from service.store.jobs import Submission, Submitted
from service.store.stores import Stores
from workers.queue_defaults import QueueDefaults
from workers.registry import Registry
from workers.specification import specify

#: arq forgets the id of a finished job with its result, after an hour by default.
JOB_ID_MS = 3_600_000


class EnqueuedJob:
    """What enqueue_job answers: the part of arq's Job that works without arq's keys."""

    def __init__(self, job_id: str, stores: Stores) -> None:
        self.job_id = job_id
        self._stores = stores

    async def status(self) -> str | None:
        job = await self._stores.queries.job(self.job_id)
        return None if job is None else str(job.state)

    def __repr__(self) -> str:
        return f"<EnqueuedJob {self.job_id}>"


class TriageRedis(ArqRedis):
    """A Redis client of the handlers' own: closing it harms nobody but them."""

    def __init__(
        self, url: str, stores: Stores, registry: Registry, new_id: Callable[[str], str], **options: Any
    ) -> None:
        pool: Any = ArqRedis.from_url(url, **options).connection_pool
        super().__init__(pool_or_conn=pool)
        self._stores = stores
        self._registry = registry
        self._new_id = new_id
        self._queue_defaults = QueueDefaults(stores.queues, Clock())

    async def enqueue_job(  # type: ignore[override]
        self,
        function: str,
        *args: Any,
        _job_id: str | None = None,
        _queue_name: str | None = None,
        _defer_until: datetime | None = None,
        _defer_by: float | timedelta | None = None,
        _expires: float | timedelta | None = None,
        _job_try: int | None = None,
        **kwargs: Any,
    ) -> EnqueuedJob | None:
        """As arq's: None when a job with `_job_id` exists; `_job_try` has no meaning here and is ignored."""
        if _defer_until and _defer_by:
            raise RuntimeError("use either 'defer_until' or 'defer_by' or neither, not both")
        payload = orjson.dumps(self._payload(function, args, kwargs))
        overrides: dict[str, Any] = {"delay_ms": _milliseconds(_defer_by) or 0}
        if _queue_name is not None:
            overrides["queue"] = _queue_name
        if _defer_until is not None:
            overrides["run_at_ms"] = round(_defer_until.astimezone(UTC).timestamp() * 1000)
        if (expires_ms := _milliseconds(_expires)) is not None:
            overrides["expires_ms"] = expires_ms
        if _job_id is not None:
            overrides["unique"] = Unique(_job_id, until=JOB_ID_MS, on_conflict="reject")
        queues = await self._queue_defaults.read()
        spec = specify(self._registry, function, payload, overrides, queues)
        submitted = await self._submit(spec)
        return None if submitted.word == "conflict" else EnqueuedJob(submitted.job_id, self._stores)

    def _payload(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        handler = self._registry.find(function)
        if handler is not None:
            return handler.name_arguments(args, kwargs)
        return {**({"args": list(args)} if args else {}), **kwargs}

    async def _submit(self, spec: JobSpec) -> Submitted:
        submitted = await self._stores.jobs.submit_one(Submission(self._new_id("job"), spec))
        if submitted.word == "full":
            raise QueueFull()
        if submitted.word == "too_many_queues":
            raise TooManyQueues()
        return submitted


def _milliseconds(value: float | timedelta | None) -> int | None:
    if value is None:
        return None
    return round((value.total_seconds() if isinstance(value, timedelta) else value) * 1000)
