"""Reads, configures, purges and deletes queues."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from service.domain.catalogue import canonical_name
from service.domain.checks import SpecInvalid
from service.domain.errors import QueueNotEmpty, TooManyQueues, VersionMismatch
from service.domain.job_cost import BATCH
from service.domain.limits import MAX_OVERRIDES, MAX_PAUSED_TYPES, QueueSettings
from service.domain.results import ChangeResult
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.codec.fields import scored, text, texts
from service.store.codec.queue_settings import decode_all_defaults, decode_settings, encode_change
from service.store.cursors import decode_cursor, encode_cursor
from service.store.jobs import Jobs
from service.store.queries import Page, Queries
from service.store.queues.queue_activity import read_activity
from service.store.queues.queue_survey import Survey, survey
from service.store.redis import keys
from service.store.redis.scripts import Argument, Scripts
from service.store.workers import WorkerRegistry

#: Freezes that a queue shows, starting with the ones that end last.
FROZEN_SHOWN = 100
#: Overrides of limit keys on one page of queues: keeps pages below 8 MiB.
OVERRIDES_OF_PAGE = MAX_OVERRIDES
#: Job types per queue that are checked for workers: types of the oldest jobs, and as many with limit keys.
TYPES_CHECKED = 100


@dataclass(frozen=True, slots=True)
class Freeze:
    """Delays the jobs of a limit key, or of a type without one, because a service rate limited a job."""

    job_type: str | None
    limit_key: str | None
    until: int
    #: The job that was rate limited; None if it was pruned.
    job_id: str | None


@dataclass(frozen=True, slots=True)
class Queue:
    """The current state of a queue. Counts are exact; rates are per second."""

    name: str
    settings: QueueSettings
    counts: Mapping[State, int]
    oldest_queued_ms: int | None
    workers: int
    capacity: int
    enqueued_per_second: float
    finished_per_second: float
    failed_per_second: float
    freezes: Sequence[Freeze] = ()
    #: Job types with queued jobs that no live worker of the queue knows.
    unserved_job_types: Sequence[str] = ()


class Queues:
    """The queues of one namespace."""

    def __init__(self, scripts: Scripts, jobs: Jobs, queries: Queries, workers: WorkerRegistry) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix
        self._jobs = jobs
        self._queries = queries
        self._workers = workers

    async def names(self) -> list[str]:
        members = (await self._queries.pipeline(lambda pipe: pipe.zrange(keys.queues(self._prefix), 0, -1)))[
            0
        ]
        return texts(members)

    async def list(self, limit: int, cursor: str | None) -> Page[Queue]:
        """By name. A page ends early when its queues have many overrides."""
        after = f"({decode_cursor(cursor, 1)[0]}" if cursor else "-"
        members = (
            await self._queries.pipeline(
                lambda pipe: pipe.zrangebylex(keys.queues(self._prefix), after, "+", 0, limit + 1)
            )
        )[0]
        page = await self._fitting(texts(members[:limit]))
        return Page(await self._read(page), encode_cursor(page[-1]) if len(members) > len(page) else None)

    async def by_attention(
        self, at_most: int, *, page: bool = False, only: Collection[str] | None = None
    ) -> "tuple[list[Queue], Survey]":
        """The queues that need attention most (`page`: what fits), and a survey of all or of `only` some."""
        names = await self.names()
        found = await survey(self._scripts, [name for name in names if only is None or name in only])
        names = found.names(at_most)
        return await self._read(await self._fitting(names) if page else names), found

    async def get(self, name: str) -> Queue | None:
        """None for a name without jobs and settings."""
        known = (await self._queries.pipeline(lambda pipe: pipe.zscore(keys.queues(self._prefix), name)))[0]
        return (await self._read([name]))[0] if known is not None else None

    async def configure(
        self, name: str, changes: Mapping[str, Any], if_version: int | None = None, *, thaw: str = ""
    ) -> Queue:
        """Change settings by their names in QueueSettings.

        Raises VersionMismatch, TooManyQueues, and SpecInvalid for too many overrides.

        `thaw` ends freezes: "*" all of the queue, or job types in the format of configure_queue.lua.
        """
        version = "" if if_version is None else if_version
        arguments: list[Argument] = [name, version, self._scripts.max_queues, thaw, MAX_OVERRIDES]
        for field, value in changes.items():
            arguments += encode_change(field, value)
        word, _ = await self._scripts.run("configure_queue", arguments)
        match text(word):
            case "version":
                raise VersionMismatch()
            case "too_many_queues":
                raise TooManyQueues()
            case "too_many_overrides":
                raise SpecInvalid("/keys", "too_long", f"the limit is {MAX_OVERRIDES:,} overrides per queue")
            case _:
                pass
        return (await self._read([name]))[0]

    async def pause(self, name: str) -> Queue:
        """Start no job of the queue until it is resumed."""
        return await self.configure(name, {"paused": True})

    async def resume(self, name: str) -> Queue:
        """Start jobs of the queue again, and end its freezes."""
        return await self.configure(name, {"paused": False}, thaw="*")

    async def delete(self, name: str) -> bool:
        """Delete a queue without jobs; False when it does not exist. Raises QueueNotEmpty."""
        word = text(await self._scripts.run("delete_queue", [name]))
        if word == "not_empty":
            raise QueueNotEmpty()
        return word == "moved"

    async def pause_job_type(self, name: str, job_type: str, *, paused: bool) -> Queue:
        """Pause one job type of the queue, or resume it and end its freeze.

        Raises TooManyQueues, and SpecInvalid for too many paused types.
        """
        own = canonical_name(job_type)
        thaw = "" if paused else f" {own} {own.replace('-', '_')} "
        while True:
            queue = (await self._read([name]))[0]
            others = {known for known in queue.settings.paused_job_types if known != own}
            if paused and len(others) >= MAX_PAUSED_TYPES:
                rule = f"the limit is {MAX_PAUSED_TYPES} paused job types per queue"
                raise SpecInvalid("/job_type", "too_long", rule)
            changes = {"paused_job_types": others | ({own} if paused else set())}
            try:
                return await self.configure(name, changes, queue.settings.version, thaw=thaw)
            except VersionMismatch:
                continue

    async def defaults(self) -> dict[str, Mapping[str, Any]]:
        """The default options of jobs, by queue."""
        found = (await self._queries.pipeline(lambda pipe: pipe.hgetall(keys.queue_defaults(self._prefix))))[
            0
        ]
        return decode_all_defaults(found)

    async def purge(self, name: str) -> int:
        """Cancel every job that waits for a worker or a time; returns how many it has cancelled.

        Jobs that arrive meanwhile may remain. Dependents of cancelled jobs are cancelled or released.
        """
        purged = 0
        for state in (State.QUEUED, State.SCHEDULED, State.RETRYING):
            key = keys.state(self._prefix, queue=name, state=state)
            while True:
                members = (
                    await self._queries.pipeline(lambda pipe, key=key: pipe.zrange(key, 0, BATCH - 1))
                )[0]
                moved = await self._jobs.cancel(texts(members), 0) if members else []
                cancelled = sum(reply.result is ChangeResult.MOVED for reply in moved)
                purged += cancelled
                if not cancelled:
                    break
        return purged

    async def _fitting(self, names: "list[str]") -> "list[str]":
        """The first queues, as many as fit into a page."""
        sizes = await self._queries.pipeline(
            lambda pipe: [pipe.hlen(keys.key_limits(self._prefix, queue=name)) for name in names]
        )
        count = sum(total <= OVERRIDES_OF_PAGE for total in accumulate(sizes))
        return names[: max(1, count)]

    async def _read(self, names: "list[str]") -> "list[Queue]":
        if not names:
            return []

        def ask(pipe: Any) -> None:
            for name in names:
                pipe.hgetall(keys.queue(self._prefix, queue=name))
                pipe.hgetall(keys.key_limits(self._prefix, queue=name))
                pipe.hget(keys.queue_defaults(self._prefix), name)
                for state in State:
                    pipe.zcard(keys.state(self._prefix, queue=name, state=state))
                pipe.zrange(keys.types(self._prefix, queue=name), 0, TYPES_CHECKED - 1)
                pipe.zrange(keys.keyed(self._prefix, queue=name), 0, TYPES_CHECKED - 1)
                pipe.zrevrange(keys.frozen(self._prefix, queue=name), 0, FROZEN_SHOWN - 1, withscores=True)
            pipe.time()

        *replies, (seconds, micros) = await self._queries.pipeline(ask)
        now = int(self._scripts.now or seconds * 1000 + micros // 1000)
        width = 6 + len(State)
        rows = [replies[start : start + width] for start in range(0, len(replies), width)]
        activities = await read_activity(self._scripts, names, now)
        frozen = [[(short, at) for short, at in scored(row[-1]) if at > now] for row in rows]
        freezes = await self._freezes(names, frozen)
        workers = await self._workers.alive()
        return [
            Queue(
                name=name,
                settings=decode_settings(row[0], row[1], row[2]),
                counts=dict(zip(State, row[3:-3], strict=True)),
                oldest_queued_ms=activity.oldest_queued_ms,
                workers=sum(worker.serves(name) for worker in workers),
                capacity=sum(worker.capacity for worker in workers if worker.serves(name)),
                enqueued_per_second=activity.enqueued,
                finished_per_second=activity.finished,
                failed_per_second=activity.failed,
                freezes=found,
                unserved_job_types=_unserved(name, texts((*row[-3], *row[-2])), workers),
            )
            for name, row, activity, found in zip(names, rows, activities, freezes, strict=True)
        ]

    async def _freezes(
        self, names: "list[str]", frozen: "list[list[tuple[str, int]]]"
    ) -> "list[list[Freeze]]":
        asked = [(name, rows) for name, rows in zip(names, frozen, strict=True) if rows]

        def ask(pipe: Any) -> None:
            for name, rows in asked:
                pipe.hmget(keys.frozen_by(self._prefix, queue=name), [short for short, _ in rows])

        replies = iter(await self._queries.pipeline(ask) if asked else [])
        return [
            [_freeze(short, at, text(by)) for (short, at), by in zip(rows, next(replies), strict=True)]
            if rows
            else []
            for rows in frozen
        ]


def _freeze(short: str, until: int, job_id: str | None) -> Freeze:
    kind, _, name = short.partition(":")
    return Freeze(
        job_type=name if kind == "type" else None,
        limit_key=name if kind == "key" else None,
        until=until,
        job_id=job_id,
    )


def _unserved(queue: str, types: Sequence[str], workers: Sequence[WorkerRecord]) -> list[str]:
    known = {name for worker in workers if worker.serves(queue) for name in worker.job_types}
    return sorted(set(types) - known)
