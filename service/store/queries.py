"""Reads jobs from their hashes or from the indexes, never by scanning the keyspace."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from redis.exceptions import RedisError

from service.domain.job import Job, JobStatus
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.codec import jobs as codec
from service.store.codec.fields import texts
from service.store.cursors import decode_place, encode_cursor
from service.store.job_search import Found, filter_arguments, rounds, search
from service.store.previews import PAGE_BYTES, VALUE_BYTES, size_of
from service.store.redis import keys
from service.store.redis.routing.repeats import repeat
from service.store.redis.scripts import Scripts

#: Candidates that one request checks before it returns an incomplete page.
MAX_CANDIDATES = 50_000
#: Jobs of a page that one call reads: decoding them takes the event loop a millisecond.
PREVIEWED = 50

Item = TypeVar("Item")
#: Awaited between calls, so that a caller can do other work before the next one.
Pause = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A page may be shorter than its limit and still have a next one, because each scan is bounded."""

    items: list[Item]
    next_cursor: str | None


class Queries:
    """Reads of one namespace; every method raises BackendUnavailable."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._prefix = scripts.prefix

    async def job(self, id: str) -> Job | None:
        return (await self.jobs([id]))[0]

    async def jobs(self, ids: Sequence[str]) -> list[Job | None]:
        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.hgetall(keys.job(self._prefix, id=id))

        rows = await self.pipeline(ask)
        shared = await self._shared({fan_out for row in rows if (fan_out := codec.shares_with(row))})
        return [codec.decode_whole(id, row, shared) for id, row in zip(ids, rows, strict=True)]

    async def _shared(self, fan_outs: Collection[str]) -> dict[str, bytes]:
        """The common parts of the payloads of fan-outs; empty for one that was just pruned."""
        if not fan_outs:
            return {}
        found = await self.pipeline(
            lambda pipe: [pipe.hget(keys.shared_payload(self._prefix, group=id), "json") for id in fan_outs]
        )
        return {id: json or b"" for id, json in zip(fan_outs, found, strict=True)}

    async def outlines(self, ids: Sequence[str]) -> list[Job | None]:
        """Jobs with the fields that a filter needs; payload, result and error may be large."""
        rows = await self.pipeline(
            lambda pipe: [pipe.hmget(keys.job(self._prefix, id=id), codec.OUTLINE) for id in ids]
        )
        return [codec.decode_outline(id, values) for id, values in zip(ids, rows, strict=True)]

    async def job_status(self, id: str) -> JobStatus | None:
        key = keys.job(self._prefix, id=id)
        return codec.decode_status((await self.pipeline(lambda pipe: pipe.hmget(key, codec.STATUS)))[0])

    async def attempts(self, id: str) -> list[bytes]:
        """JSON texts, oldest first."""
        return (await self.pipeline(lambda pipe: pipe.lrange(keys.attempts(self._prefix, id=id), 0, -1)))[0]

    async def logs(self, id: str) -> list[bytes]:
        return (await self.pipeline(lambda pipe: pipe.lrange(keys.logs(self._prefix, id=id), 0, -1)))[0]

    async def previews(self, ids: Sequence[str], pause: Pause | None = None) -> list[Job | None]:
        """Jobs for a list: without large values, and only as many as fit into a page."""
        jobs, left = list[Job | None](), PAGE_BYTES
        for start in range(0, len(ids), PREVIEWED):
            portion = ids[start : start + PREVIEWED]
            rows = await self._scripts.run("preview_jobs", [VALUE_BYTES, left, *portion])
            found = [
                codec.decode_preview(id, row) if row else None for id, row in zip(portion, rows, strict=False)
            ]
            jobs += found
            left -= sum(map(size_of, found))
            if left <= 0 or len(found) < len(portion):
                break
            if pause is not None:
                await pause()
        return jobs

    async def last_attempts(self, ids: Sequence[str]) -> list[tuple[int, list[bytes]]]:
        """For each job, how many attempts have failed, and the last one."""

        def ask(pipe: Any) -> None:
            for id in ids:
                pipe.llen(keys.attempts(self._prefix, id=id))
                pipe.lrange(keys.attempts(self._prefix, id=id), -1, -1)

        replies = await self.pipeline(ask)
        return list(zip(replies[::2], replies[1::2], strict=True))

    async def list_jobs(
        self, filter: JobFilter, limit: int, cursor: str | None, pause: Pause | None = None
    ) -> Page[Job]:
        """Newest first by (created_at, id), stable under concurrent submissions."""
        at, after = decode_place(cursor, "job")
        sets = await self._sets(filter)
        last, places = False, list[tuple[str, str]]()
        for _ in range(rounds(sets, MAX_CANDIDATES)):
            found = await self._search(filter, sets, limit + 1 - len(places), at, after)
            places += found.places
            last, at, after = found.last, found.at, found.after
            if last or len(places) > limit:
                break
        chosen = places[:limit]
        jobs = await self.previews([id for id, _ in chosen], pause)
        following = None
        if len(jobs) < len(chosen) or len(places) > limit:
            id, created_at = chosen[len(jobs) - 1]
            following = encode_cursor(created_at, id)
        elif not last:
            following = encode_cursor(at, after)
        return Page([job for job in jobs if job is not None and filter.matches(job)], following)

    async def _search(self, filter: JobFilter, sets: Sequence[str], limit: int, at: str, after: str) -> Found:
        return await search(self._scripts, filter, sets, limit, at, after)

    async def pick(self, filter: JobFilter, ids: Sequence[str], limit: int) -> tuple[list[str], int]:
        """The first matching jobs, and how many it has checked."""
        looked, *found = await self._scripts.run("filter_jobs", [limit, *filter_arguments(filter), *ids])
        return texts(found), looked

    async def candidates(
        self, filter: JobFilter, states: Iterable[State], limit: int, at: str, after: str
    ) -> list[tuple[str, int]]:
        """Ids and creation times of jobs that may match, newest first, from the position `at`, `after` on."""
        places = JobFilter(created_after=filter.created_after, created_before=filter.created_before)
        found = await self._search(places, await self._sets(filter, states), limit, at, after)
        return [(id, int(created_at)) for id, created_at in found.places]

    async def count(self, filter: JobFilter, states: Iterable[State]) -> int:
        """How many jobs match an `indexed` filter, in one call."""
        sets = await self._sets(filter, states)
        lowest, highest = _bounds(filter)
        return sum(
            await self.pipeline(
                lambda pipe: [pipe.zcount(self._prefix + key, lowest, highest) for key in sets]
            )
        )

    async def _sets(self, filter: JobFilter, states: Iterable[State] = State) -> list[str]:
        if filter.fingerprint is not None:
            return [keys.dead_group_jobs("", fingerprint=filter.fingerprint)]
        if filter.tags:
            sizes = await self.pipeline(
                lambda pipe: [
                    pipe.zcard(keys.tag(self._prefix, key=k, value=v)) for k, v in filter.tags.items()
                ]
            )
            _, (tag, value) = min(zip(sizes, filter.tags.items(), strict=True))
            return [keys.tag("", key=tag, value=value)]
        if filter.queue is not None:
            queues = [filter.queue]
        elif filter.reach is not None and filter.reach.queues is not None:
            queues = sorted(filter.reach.queues)
        else:
            key = keys.queues(self._prefix)
            queues = texts((await self.pipeline(lambda pipe: pipe.zrange(key, 0, -1)))[0])
        wanted = [filter.state] if filter.state is not None else list(states)
        return [keys.state("", queue=queue, state=state) for queue in queues for state in wanted]

    async def now(self) -> int:
        """Redis time, unix ms."""
        seconds, micros = (await self.pipeline(lambda pipe: pipe.time()))[0]
        return seconds * 1000 + micros // 1000

    async def pipeline(self, ask: Any) -> list[Any]:
        """Run reads in one round trip, repeated if the connection breaks or their keys have moved."""
        client: Any = self._scripts.redis

        async def send() -> list[Any]:
            pipe = client.pipeline(transaction=False)
            ask(pipe)
            return await pipe.execute()

        try:
            return await send()
        except (RedisError, OSError) as error:
            return await repeat(send, error, wrote=False)


def _bounds(filter: JobFilter) -> tuple[str, str]:
    lowest = "-inf" if filter.created_after is None else str(filter.created_after)
    return lowest, "+inf" if filter.created_before is None else f"({filter.created_before}"
