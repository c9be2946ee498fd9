"""`ctx["redis"]`: arq's client interface over Triage's store, so that arq handlers can enqueue jobs."""

from collections.abc import Callable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, cast

from arq.connections import ArqRedis
from arq.jobs import JobDef, JobResult

from service.clock import Clock
from service.domain.errors import UniqueConflict
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.states import FINISHED, State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis.connect import RedisClient, client_for, connect
from workers.arq.job import TriageJob, definition_of, result_of
from workers.handling.enqueued import Call, read_call
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry

#: The most jobs that `queued_jobs` and `all_job_results` return per state, and jobs per read.
LISTED_AT_MOST, PAGE = 10_000, 200
#: The timeout of a handler's command, in seconds: a frozen server must not block the handler forever.
SOCKET_SECONDS = 60.0


class TriageRedis(ArqRedis):
    """The handlers' own Redis client: closing it affects only them."""

    def __init__(
        self,
        url: str,
        namespace: Namespace,
        registry: Registry,
        new_id: Callable[[str], str],
        peer: RedisClient | None = None,
    ) -> None:
        """In a cluster, its commands reach the keys in the slot of the namespace."""
        client = connect(url, socket_timeout=SOCKET_SECONDS, peer=peer)
        pool: Any = client_for(client, namespace.scripts.prefix).connection_pool
        super().__init__(pool_or_conn=pool)
        # In arq, jobs expire a day after their time by default; here they expire only if configured.
        self.expires_extra_ms = cast(int, registry.expires_extra_ms)
        self.namespace = namespace
        self._new_id = new_id
        self._specs = JobSpecs(registry, namespace, Clock())

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
        """Enqueue a job; as in arq, None if a job with `_job_id` is unfinished or its result is still kept.

        Raises ValueError for a job that the API would refuse, SerializationError for arguments that are not
        JSON, and TypeError for arguments that the function does not take.
        """
        call = Call(function, args, kwargs, _job_id, _queue_name, _defer_until, _defer_by, _expires, _job_try)
        spec = read_call(await self._specs.reader([function]), call, Clock().now_ms(), self.expires_extra_ms)
        try:
            submitted = await self.namespace.jobs.submit_one(Submission(self._new_id("job"), spec))
        except UniqueConflict:
            return None
        return TriageJob(submitted.job_id, self, spec.queue)

    async def find_job(self, id: str) -> Job | None:
        """Find a job by its id, or by the `_job_id` with which it was enqueued."""
        job = await self.namespace.queries.job(id)
        if job is None and (holder := await self.namespace.jobs.holder_of_arq_id(id)) is not None:
            job = await self.namespace.queries.job(holder)
        return job

    async def queued_jobs(self, *, queue_name: str | None = None) -> list[JobDef]:
        """Unfinished jobs of one queue or of all, the earliest first; at most 10,000 of each state."""
        jobs = [
            job for state in State if state not in FINISHED for job in await self._list(queue_name, state)
        ]
        return sorted(map(definition_of, jobs), key=attrgetter("score", "job_id"))

    async def all_job_results(self) -> list[JobResult]:
        """Finished jobs within their retention, the oldest first; at most 10,000 of each state."""
        jobs = [job for state in FINISHED for job in await self._list(None, state)]
        return sorted(map(result_of, jobs), key=attrgetter("enqueue_time", "job_id"))

    async def _list(self, queue: str | None, state: State) -> list[Job]:
        found: list[Job] = []
        cursor: str | None = None
        while len(found) < LISTED_AT_MOST:
            page = await self.namespace.queries.list_jobs(JobFilter(queue=queue, state=state), PAGE, cursor)
            found += page.items
            if (cursor := page.next_cursor) is None:
                break
        return found
