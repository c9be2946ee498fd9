"""`ctx["redis"]`: arq's client interface over Triage's store, so that arq handlers enqueue jobs unchanged."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, cast

import orjson
from arq.connections import ArqRedis
from arq.jobs import JobDef, JobResult, SerializationError
from arq.utils import to_ms

from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.errors import QueueFull, TooManyQueues
from service.domain.job import Job, ResultForgotten, Unique
from service.domain.states import FINISHED, State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.queries import JobFilter
from service.store.redis.connect import connect
from workers.arq.job import TriageJob, definition_of, result_of
from workers.arq.settings import KEEP_RESULT_SECONDS, MAX_TRIES
from workers.calls.results import NotJson
from workers.handler import MAX_SECONDS
from workers.handling.job_specs import encode_payload, specify
from workers.handling.queue_defaults import PublishedTypes, QueueDefaults
from workers.handling.registry import Registry

#: The API's own limits.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_JOB_ID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
_LATEST_MS = 253_402_300_799_000
#: Jobs that `queued_jobs` and `all_job_results` return at most, and jobs per read.
LISTED_AT_MOST, PAGE = 10_000, 200
#: Seconds that one command of a handler may take: a frozen server must not hold it for ever.
SOCKET_SECONDS = 60.0


#: A function that no worker has yet: arq's defaults count, as for any function without @job.
_UNKNOWN = JobType(name="unknown")


class TriageRedis(ArqRedis):
    """The handlers' own Redis client: closing it affects only them."""

    def __init__(
        self,
        url: str,
        stores: Namespace,
        registry: Registry,
        new_id: Callable[[str], str],
    ) -> None:
        pool: Any = connect(url, socket_timeout=SOCKET_SECONDS).connection_pool
        super().__init__(pool_or_conn=pool)
        # arq's jobs expire a day after their time; here they do so only when somebody says so.
        self.expires_extra_ms = cast(int, registry.expires_extra_ms)
        self.stores = stores
        self._registry = registry
        self._new_id = new_id
        self._queue_defaults = QueueDefaults(stores.queues, Clock())
        self._published = PublishedTypes(stores.workers, Clock())

    async def enqueue_job(
        self,
        function: str,
        *args: Any,
        _job_id: str | None = None,
        _queue_name: str | None = None,
        _defer_until: datetime | None = None,
        _defer_by: int | float | timedelta | None = None,
        _expires: int | float | timedelta | None = None,
        _job_try: int | None = None,
        **kwargs: Any,
    ) -> TriageJob | None:
        """As arq's: None when a job with `_job_id` lives, or has ended and its result is kept.

        Raises ValueError for what the API would refuse, SerializationError for arguments that are not JSON,
        and TypeError for those that the function does not take.
        """
        if _defer_until and _defer_by:
            raise RuntimeError("use either 'defer_until' or 'defer_by' or neither, not both")
        published = None if self._registry.find(function) else await self._published.find(function)
        job_type = self._registry.find(function) or published or _UNKNOWN
        overrides = _times(_defer_until, _defer_by, _expires, self.expires_extra_ms)
        overrides["failures"] = 0 if _job_try is None else _checked_try(_job_try)
        if _queue_name is not None:
            overrides["queue"] = _queue_name
        if _job_id:
            if not _JOB_ID.fullmatch(_job_id):
                raise ValueError(
                    f"Invalid _job_id {_job_id!r}: use 1 to 255 characters, no control characters."
                )
            kept_ms = round(job_type.defaults.get("retention_seconds", KEEP_RESULT_SECONDS) * 1000)
            overrides["unique"] = Unique(_job_id, ResultForgotten(kept_ms), on_conflict="reject")
        payload = self._payload(function, args, kwargs)
        queues = await self._queue_defaults.read()
        spec = specify(self._registry, function, payload, overrides, queues, published)
        if job_type is _UNKNOWN and "retry" not in queues.get(spec.queue, {}):
            spec = replace(spec, retry=replace(spec.retry, max_attempts=MAX_TRIES))
        for what, name in (("job type", spec.name), ("queue", spec.queue)):
            if not _NAME.fullmatch(name):
                raise ValueError(f"Invalid {what} name {name!r}: use letters, digits and . _ : -")
        submitted = await self.stores.jobs.submit_one(Submission(self._new_id("job"), spec))
        if submitted.word == "full":
            raise QueueFull()
        if submitted.word == "too_many_queues":
            raise TooManyQueues()
        return None if submitted.word == "conflict" else TriageJob(submitted.job_id, self, spec.queue)

    async def find_job(self, id: str) -> Job | None:
        """By Triage's id, or by the `_job_id` that the job was enqueued with."""
        job = await self.stores.queries.job(id)
        if job is None and (holder := await self.stores.jobs.holder_of_arq_id(id)) is not None:
            job = await self.stores.queries.job(holder)
        return job

    async def queued_jobs(self, *, queue_name: str | None = None) -> list[JobDef]:
        """Jobs that have not ended, of one queue or of all, the earliest first; at most 10,000."""
        jobs = [
            job for state in State if state not in FINISHED for job in await self._list(queue_name, state)
        ]
        return sorted(map(definition_of, jobs), key=attrgetter("score", "job_id"))

    async def all_job_results(self) -> list[JobResult]:
        """Jobs that have ended and are kept, the oldest first; at most 10,000 of each state."""
        jobs = [job for state in FINISHED for job in await self._list(None, state)]
        return sorted(map(result_of, jobs), key=attrgetter("enqueue_time", "job_id"))

    async def _list(self, queue: str | None, state: State) -> list[Job]:
        found: list[Job] = []
        cursor: str | None = None
        while len(found) < LISTED_AT_MOST:
            page = await self.stores.queries.list_jobs(JobFilter(queue=queue, state=state), PAGE, cursor)
            found += page.items
            if (cursor := page.next_cursor) is None:
                break
        return found

    def _payload(self, function: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bytes:
        handler = self._registry.find(function)
        if handler is not None:
            payload = handler.name_arguments(args, kwargs)
        else:
            payload = {**({"args": list(args)} if args else {}), **kwargs}
        try:
            text = encode_payload(self._registry, payload)
        except NotJson as error:
            raise SerializationError(f'unable to serialize job "{function}": {error}') from error
        if handler is not None and handler.model is not None:
            handler.bind(orjson.loads(text))
        return text


def _times(
    until: datetime | None,
    by: int | float | timedelta | None,
    expires: int | float | timedelta | None,
    expires_extra_ms: int | None,
) -> dict[str, Any]:
    """Fields of JobSpec; a time that has passed is now, as in arq."""
    overrides: dict[str, Any] = {"delay_ms": max(0, _milliseconds("_defer_by", by) or 0)}
    if until is not None:
        overrides["run_at_ms"] = min(round(until.astimezone(UTC).timestamp() * 1000), _LATEST_MS)
    expires_ms = _milliseconds("_expires", expires)
    if not expires_ms and expires_extra_ms is not None:
        wait = overrides["delay_ms"]
        if until is not None:
            wait = max(0, overrides["run_at_ms"] - Clock().now_ms())
        expires_ms = wait + expires_extra_ms
    if expires_ms is not None:
        if expires_ms <= 0:
            raise ValueError("_expires must be positive.")
        overrides["expires_ms"] = min(expires_ms, MAX_SECONDS * 1000)
    return overrides


def _milliseconds(name: str, value: int | float | timedelta | None) -> int | None:
    if value is None:
        return None
    try:
        ms = to_ms(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number of seconds or a timedelta, not {value!r}.") from None
    if abs(ms) > MAX_SECONDS * 1000:
        raise ValueError(f"{name} must be at most {MAX_SECONDS} seconds, not {value!r}.")
    return ms


def _checked_try(number: int) -> int:
    """The failures that a job starts with."""
    if not 1 <= number <= 1000:
        raise ValueError(f"_job_try must be from 1 to 1000, not {number!r}.")
    return number - 1
