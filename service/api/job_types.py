"""Caches job types and queue defaults, so that a submission needs no extra round trip."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from service.api.payload_schemas import PayloadSchema
from service.clock import Clock
from service.domain.catalogue import JobType
from service.domain.errors import BackendUnavailable, PayloadInvalid, StoreFault, TriageError
from service.domain.similar import did_you_mean
from service.domain.tenant import NO_POLICY, Tenant
from service.store.queues.queues import Queues
from service.store.workers import WorkerRegistry
from service.tasks import end

#: When a request refreshes the cache, and when it also waits for that, in seconds: under steady load, no
#: request waits.
FRESH_SECONDS, USABLE_SECONDS = 0.5, 1.0
#: The same after a request for a type that no worker has published; every request may be one.
FRESH_WITH_UNKNOWN, USABLE_WITH_UNKNOWN = 0.1, 0.2
#: The type that workers have without any handler of the user.
BUILT_IN = "http.request"
#: The most sentences about unknown types to keep until the next read.
_MOST_SENTENCES = 1_000
#: The longest time that a request waits for a refresh, in seconds.
LONGEST_WAIT = 0.5

log = structlog.get_logger("triage.types")


class KnownTypes:
    """The job types of one namespace. Accepts any payload for a type that no worker has published."""

    def __init__(
        self,
        workers: WorkerRegistry,
        queues: Queues,
        clock: Clock,
        record: Callable[[], Awaitable[Tenant | None]],
    ) -> None:
        self._workers = workers
        self._queues = queues
        self._record = record
        #: Quotas and rules of the namespace, as of the last read.
        self.policy = NO_POLICY
        #: Defaults for jobs by queue, as of the last read.
        self.queue_defaults: Mapping[str, Mapping[str, Any]] = {}
        self._clock = clock
        self._types: Mapping[str, JobType] = {}
        #: Of every type that was ever published, because its jobs may outlive its workers.
        self._redactions: Mapping[str, tuple[str, ...]] = {}
        self._sentences: dict[str, str] = {}
        self._schemas: dict[str, tuple[Any, PayloadSchema]] = {}
        self._read_at = self._fresh_until = self._usable_until = 0.0
        self._refreshing: asyncio.Task[None] | None = None
        #: Why nothing has been read yet.
        self._unread: TriageError | None = BackendUnavailable()

    @property
    def fresh(self) -> bool:
        """Whether `load` has nothing to do."""
        return self._clock.monotonic() < self._fresh_until

    async def load(self) -> None:
        """Keep the cache at most a second old.

        Waits only briefly: Redis may be unavailable, and an old schema is better than none. But it waits for
        the first read, and raises its error: without it, a submission would lack the defaults of its queue, a
        response the redactions of its namespace.
        """
        if self.fresh:
            return
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = asyncio.create_task(self._refresh())
        if self._unread is not None:
            # Its calls have time-outs.
            await asyncio.wait({self._refreshing})
        elif self._clock.monotonic() >= self._usable_until:
            await asyncio.wait({self._refreshing}, timeout=LONGEST_WAIT)
        if self._unread is not None:
            raise type(self._unread)(self._unread.message)

    async def close(self) -> None:
        """End a refresh in progress, which would otherwise reconnect to Redis after the pool has closed."""
        if self._refreshing is not None:
            await end([self._refreshing])

    async def load_type(self, name: str) -> None:
        """Make sure that the cache has this type, even if a worker has only just published it."""
        if name not in self._redactions:
            self._fresh_until = self._usable_until = 0.0
            await self.load()

    def known(self, name: str) -> JobType | None:
        """The job type as of the last read."""
        return self._types.get(name)

    async def find(self, name: str) -> JobType | None:
        """The job type after a fresh read, for callers that refuse what is unknown."""
        self._fresh_until = self._usable_until = 0.0
        await self.load()
        return self.known(name)

    @property
    def has_live_workers(self) -> bool:
        """Whether workers with handlers of their own were alive at the last read."""
        return bool(self._types.keys() - {BUILT_IN})

    def unknown(self, name: str) -> str:
        """A sentence for the client that submits a type that no live worker knows."""
        if (sentence := self._sentences.get(name)) is None:
            sentence = f"no live worker knows job type {name!r}{did_you_mean(name, self._types)}"
            if len(self._sentences) < _MOST_SENTENCES:
                self._sentences[name] = sentence
        return sentence

    def resembles(self, name: str) -> bool:
        """Whether the sentence for an unknown name suggests a known one."""
        return bool(did_you_mean(name, self._types))

    def redactions(self, name: str) -> tuple[str, ...] | None:
        """The redaction pointers of a type as of the last read; None if no worker has ever published it.

        After an unknown type the cache is refreshed sooner: a worker may have just published it, and until
        the cache has it, its data is hidden.
        """
        found = self._redactions.get(name)
        if found is None:
            self._fresh_until = min(self._fresh_until, self._read_at + FRESH_WITH_UNKNOWN)
            self._usable_until = min(self._usable_until, self._read_at + USABLE_WITH_UNKNOWN)
        return found

    async def check(self, job_type: JobType, payload: Any, root: str = "/payload") -> None:
        """Raises PayloadInvalid with a pointer per problem."""
        if job_type.payload_schema is None:
            return
        rows = await self._schema(job_type.name, job_type.payload_schema).errors(payload)
        if rows:
            raise PayloadInvalid([{**row, "pointer": root + row["pointer"]} for row in rows])

    def _schema(self, name: str, schema: Mapping[str, Any]) -> PayloadSchema:
        published, ready = self._schemas.get(name, (None, None))
        if ready is None or published != schema:
            ready = PayloadSchema(schema)
            self._schemas[name] = (schema, ready)
        return ready

    async def _refresh(self) -> None:
        try:
            published, known = await self._workers.published_types()
            self.queue_defaults = await self._queues.defaults()
            tenant = await self._record()
        except TriageError as error:
            log.info("job_types_not_read", code=error.code)
            self._unread = self._unread and error
            return
        except Exception as error:  # Its data is damaged.
            log.error("job_types_not_read", exc_info=error)
            self._unread = self._unread and StoreFault()
            return
        self._unread = None
        self.policy = NO_POLICY if tenant is None else tenant.policy
        self._types = {job_type.name: job_type for job_type in published if job_type.name in known}
        self._sentences.clear()
        self._redactions = {job_type.name: job_type.redact for job_type in published}
        self._read_at = self._clock.monotonic()
        self._fresh_until = self._read_at + FRESH_SECONDS
        self._usable_until = self._read_at + USABLE_SECONDS
