"""Reads of jobs: from the hash or from the indexes, never by scanning the keyspace."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from redis.exceptions import RedisError

from service.domain.job import Job
from service.domain.states import State
from service.store import codec
from service.store.cursors import decode_place, encode_cursor
from service.store.previews import PAGE_BYTES, VALUE_BYTES, decode_preview
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts

#: Candidates that one call looks at when a filter matches few of them; the cursor goes on from there.
SCAN_BUDGET = 2_000
#: Candidates that one request looks at before it answers with what it has found.
MOST_LOOKED_AT = 50_000
_OUTLINE = (
    "state", "version", "name", "queue", "priority", "created_at", "run_at", "options", "retention_ms",
    "state_reason", "finished_at", "tags", "group", "key", "index",
)  # fmt: skip

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class JobFilter:
    """All that is given must match; times are unix ms, the first one included and the last one excluded."""

    queue: str | None = None
    state: State | None = None
    name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    reason: str | None = None
    group_id: str | None = None
    created_after: int | None = None
    created_before: int | None = None

    @property
    def indexed(self) -> bool:
        """Whether sets by queue and state decide alone, so that no candidate is read in vain."""
        return not self.tags and self.name is None and self.reason is None and self.group_id is None

    def matches(self, job: Job) -> bool:
        return (
            (self.queue is None or job.queue == self.queue)
            and (self.state is None or job.state == self.state)
            and (self.name is None or job.name == self.name)
            and (self.reason is None or job.state_reason == self.reason)
            and (self.group_id is None or self.group_id in (job.flow_id, job.fan_out_id))
            and (self.created_after is None or job.created_at >= self.created_after)
            and (self.created_before is None or job.created_at < self.created_before)
            and all(job.tags.get(key) == value for key, value in self.tags.items())
        )


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page may be shorter than asked for and still have a next one: the scan is bounded, not the match."""

    items: list[Item]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Where a job is: what is read often of one whose payload and result may be large."""

    version: int
    state: State
    state_reason: str | None
    progress: bytes | None
    name: str
    redact: tuple[str, ...] | None


class Queries:
    """Reads of one namespace; every method raises BackendUnavailable when Redis is away."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix

    async def job(self, id: str) -> Job | None:
        return (await self.jobs([id]))[0]

    async def jobs(self, ids: Sequence[str]) -> list[Job | None]:
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hgetall(keys.job(self._prefix, id=id))

        replies = await self.pipeline(ask)
        shared = await self._shared({row[b"group"] for row in replies if b"shared" in row})
        return [
            codec.decode_job(id, row, shared[row[b"group"]] if b"shared" in row else b"")
            if b"state" in row
            else None
            for id, row in zip(ids, replies, strict=True)
        ]

    async def _shared(self, groups: Collection[bytes]) -> dict[bytes, bytes]:
        """What the payloads of the items of fan-outs share; empty when they were forgotten just now."""
        if not groups:
            return {}
        found = await self.pipeline(
            lambda pipe: [
                pipe.hget(keys.shared_payload(self._prefix, group=group.decode()), "json") for group in groups
            ]
        )
        return {group: json or b"" for group, json in zip(groups, found, strict=True)}

    async def outlines(self, ids: Sequence[str]) -> list[Job | None]:
        """Jobs with what a filter asks for, without payload, result and error: those may be large."""
        replies = await self.pipeline(
            lambda pipe: [pipe.hmget(keys.job(self._prefix, id=id), _OUTLINE) for id in ids]
        )
        return [
            codec.decode_job(id, {b"payload": b"", **_present(values)}) if values[0] is not None else None
            for id, values in zip(ids, replies, strict=True)
        ]

    async def job_status(self, id: str) -> JobStatus | None:
        names = ("version", "state", "state_reason", "progress", "name", "options")
        row = (await self.pipeline(lambda pipe: pipe.hmget(keys.job(self._prefix, id=id), names)))[0]
        version, state, reason, progress, name, options = row
        if state is None:
            return None
        return JobStatus(
            int(version),
            State(state.decode()),
            reason.decode() if reason else None,
            progress,
            name.decode(),
            codec.decode_redact(options),
        )

    async def attempts(self, id: str) -> list[bytes]:
        """JSON texts, oldest first; bounded when they are written."""
        return (await self.pipeline(lambda pipe: pipe.lrange(keys.attempts(self._prefix, id=id), 0, -1)))[0]

    async def logs(self, id: str) -> list[bytes]:
        return (await self.pipeline(lambda pipe: pipe.lrange(keys.logs(self._prefix, id=id), 0, -1)))[0]

    async def previews(self, ids: Sequence[str]) -> list[Job | None]:
        """Jobs as a list shows them: without large values, and only as many as fit into a page."""
        rows = await self._scripts.run("preview_jobs", [VALUE_BYTES, PAGE_BYTES, *ids]) if ids else []
        return [decode_preview(id, row) if row else None for id, row in zip(ids, rows, strict=False)]

    async def last_attempts(self, ids: Sequence[str]) -> list[tuple[int, list[bytes]]]:
        """Per job how many attempts have failed, and the last of them."""

        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.llen(keys.attempts(self._prefix, id=id))
                pipe.lrange(keys.attempts(self._prefix, id=id), -1, -1)

        replies = await self.pipeline(ask)
        return list(zip(replies[::2], replies[1::2], strict=True))

    async def list_jobs(self, filter: JobFilter, limit: int, cursor: str | None) -> Page[Job]:
        """Newest first by (created_at, id), stable under concurrent submissions."""
        at, after = decode_place(cursor, "job")
        sets = await self._sets(filter)
        last, places = False, list[tuple[str, str]]()
        for _ in range(MOST_LOOKED_AT // SCAN_BUDGET):
            found, last, at, after = await self._search(filter, sets, limit + 1 - len(places), at, after)
            places += found
            if last or len(places) > limit:
                break
        chosen = places[:limit]
        jobs = await self.previews([id for id, _ in chosen])
        following = None
        if len(jobs) < len(chosen) or len(places) > limit:
            id, created_at = chosen[len(jobs) - 1]
            following = encode_cursor(created_at, id)
        elif not last:
            following = encode_cursor(at, after)
        return Page([job for job in jobs if job is not None and filter.matches(job)], following)

    async def _search(
        self, filter: JobFilter, sets: Sequence[str], limit: int, at: str, after: str
    ) -> tuple[list[tuple[str, str]], bool, str, str]:
        """Ids with their creation, whether that is all, and the place up to which it was looked."""
        how: list[Argument] = [limit, SCAN_BUDGET, at, after, int(filter.indexed)]
        arguments = [*how, *filter_arguments(filter), *sets]
        last, at_, after_, *flat = await self._scripts.run("search_jobs", arguments)
        texts = [text.decode() for text in flat]
        return list(zip(texts[::2], texts[1::2], strict=True)), bool(last), at_.decode(), after_.decode()

    async def pick(self, filter: JobFilter, ids: Sequence[str], limit: int) -> tuple[list[str], int]:
        """The first of these jobs that match, and how many were looked at for them."""
        looked, *found = await self._scripts.run("filter_jobs", [limit, *filter_arguments(filter), *ids])
        return [id.decode() for id in found], looked

    async def candidates(
        self, filter: JobFilter, states: Iterable[State], limit: int, at: str, after: str
    ) -> list[tuple[str, int]]:
        """Ids and creation of jobs that may match, the newest first, from the place `at`, `after` on."""
        places = JobFilter(created_after=filter.created_after, created_before=filter.created_before)
        found, *_ = await self._search(places, await self._sets(filter, states), limit, at, after)
        return [(id, int(created_at)) for id, created_at in found]

    async def count(self, filter: JobFilter, states: Iterable[State]) -> int:
        """How many jobs match, at once: for a filter that is `indexed`."""
        sets = await self._sets(filter, states)
        lowest, highest = _bounds(filter)
        return sum(
            await self.pipeline(
                lambda pipe: [pipe.zcount(self._prefix + key, lowest, highest) for key in sets]
            )
        )

    async def _sets(self, filter: JobFilter, states: Iterable[State] = State) -> list[str]:
        if filter.tags:
            sizes = await self.pipeline(
                lambda pipe: [
                    pipe.zcard(keys.tag(self._prefix, key=k, value=v)) for k, v in filter.tags.items()
                ]
            )
            _, (key, value) = min(zip(sizes, filter.tags.items(), strict=True))
            return [keys.tag("", key=key, value=value)]
        if filter.queue is not None:
            queues = [filter.queue]
        else:
            members = (await self.pipeline(lambda pipe: pipe.zrange(keys.queues(self._prefix), 0, -1)))[0]
            queues = [member.decode() for member in members]
        wanted = [filter.state] if filter.state is not None else list(states)
        return [keys.state("", queue=queue, state=state) for queue in queues for state in wanted]

    async def now(self) -> int:
        """Redis time, unix ms."""
        seconds, micros = (await self.pipeline(lambda pipe: pipe.time()))[0]
        return seconds * 1000 + micros // 1000

    async def pipeline(self, ask: Any) -> list[Any]:
        """Run reads in one round trip; sent once more when the connection broke: they change nothing."""
        client: Any = self._scripts.redis
        for last in (False, True):
            pipe = client.pipeline(transaction=False)
            ask(pipe)
            try:
                return await pipe.execute()
            except (RedisError, OSError) as error:
                if last or not isinstance(error, (ConnectionError, OSError)):
                    raise translate(error, wrote=False) from error
        raise AssertionError("unreachable")


def _bounds(filter: JobFilter) -> tuple[str, str]:
    lowest = "-inf" if filter.created_after is None else str(filter.created_after)
    return lowest, "+inf" if filter.created_before is None else f"({filter.created_before}"


def filter_arguments(filter: JobFilter) -> list[Argument]:
    """A filter as job_filter.lua reads it."""
    tags = [f"{key}:{value}" for key, value in filter.tags.items()]
    given = (filter.state, filter.queue, filter.name, filter.reason, filter.group_id)
    bounds = ("" if at is None else at for at in (filter.created_after, filter.created_before))
    return [*(text or "" for text in given), *bounds, len(tags), *tags]


def _present(values: Sequence[bytes | None]) -> dict[bytes, bytes]:
    return {field.encode(): value for field, value in zip(_OUTLINE, values, strict=True) if value is not None}
