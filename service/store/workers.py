"""The registry of workers and their job types; also requests drains."""

from collections.abc import Sequence
from typing import Any

from redis.exceptions import RedisError, WatchError

from service.domain.catalogue import JobType
from service.domain.worker import WorkerRecord
from service.store.codec.fields import texts
from service.store.codec.workers import decode_type, decode_worker, encode_type, encode_worker
from service.store.cursors import decode_cursor, encode_cursor
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts


class WorkerRegistry:
    """The workers of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._redis: Any = scripts.redis
        self._prefix = scripts.prefix
        self._queries = queries

    async def register(self, record: WorkerRecord, types: Sequence[JobType]) -> None:
        """Announce a worker and publish its job types; repeating the call changes nothing."""
        fields = [value for pair in encode_worker(record).items() for value in pair]
        documents = dict.fromkeys(record.job_types, b"") | {type.name: encode_type(type) for type in types}
        published = [value for pair in documents.items() for value in pair]
        entry: list[Argument] = [record.id, record.seen_at, *record.pool_entry(), len(fields)]
        await self._scripts.run("register_worker", [*entry, *fields, *published])

    async def deregister(self, id: str) -> None:
        await self._scripts.run("deregister_worker", [id])

    async def request_drain(self, id: str) -> bool:
        """Request a drain; a marker in the inbox wakes the worker's heartbeat, which receives the request."""
        return bool(await self._scripts.run("request_drain", [id]))

    async def list(self, limit: int, cursor: str | None) -> Page[WorkerRecord]:
        """Newest first."""
        before = decode_cursor(cursor, 1)[0] if cursor else "~"
        records = sorted(await self._all(), key=lambda record: record.id, reverse=True)
        rest = [record for record in records if record.id < before]
        page = rest[:limit]
        return Page(page, encode_cursor(page[-1].id) if len(rest) > limit else None)

    async def get(self, id: str) -> WorkerRecord | None:
        found = await self._read([id])
        return found[0] if found else None

    async def alive(self) -> "list[WorkerRecord]":
        return [record for record in await self._all() if record.state != "lost"]

    async def job_types(self) -> "list[JobType]":
        """Types that a live worker knows; without one, the schema may be outdated."""
        published, known = await self.published_types()
        return [job_type for job_type in published if job_type.name in known]

    async def published_types(self) -> "tuple[list[JobType], set[str]]":
        """Every type that a worker has ever published, and the names of the types that live workers know."""
        known = {name for record in await self.alive() for name in record.job_types}
        published = (await self._queries.pipeline(lambda pipe: pipe.hgetall(keys.catalogue(self._prefix))))[0]
        return [decode_type(text) for _, text in sorted(published.items())], known

    async def forget_lost(self) -> None:
        """Remove workers that were lost an hour ago, and pools without workers.

        If a worker registers meanwhile, the transaction fails, and the next call does the work.
        """
        pipe = self._redis.pipeline(transaction=True)
        try:
            await pipe.watch(keys.workers(self._prefix))
            ids = texts(await pipe.zrange(keys.workers(self._prefix), 0, -1))
            pools = texts(await pipe.hkeys(keys.pools(self._prefix)))
            records = {record.id: record for record in await self._read(ids) if not record.forgotten}
            used = {record.pool for record in records.values()}
            pipe.multi()
            for id in ids:
                if id not in records:
                    pipe.zrem(keys.workers(self._prefix), id)
                    pipe.unlink(keys.worker(self._prefix, worker=id), keys.claim(self._prefix, worker=id))
            for pool in pools:
                if pool not in used:
                    pipe.hdel(keys.pools(self._prefix), pool)
                    pipe.unlink(keys.wake(self._prefix, pool=pool))
            await pipe.execute()
        except WatchError:
            return
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error
        finally:
            try:
                await pipe.reset()
            except (RedisError, OSError):
                # UNWATCH failed and closed the connection; the second reset returns it to the pool.
                pipe.watching = False
                await pipe.reset()

    def _ask_ids(self, pipe: Any) -> None:
        pipe.zrange(keys.workers(self._prefix), 0, -1)

    async def _all(self) -> "list[WorkerRecord]":
        return await self._read(texts((await self._queries.pipeline(self._ask_ids))[0]))

    async def _read(self, ids: Sequence[str]) -> "list[WorkerRecord]":
        def ask(pipe: Any) -> None:
            pipe.time()
            for id in ids:
                pipe.hgetall(keys.worker(self._prefix, worker=id))

        (seconds, micros), *rows = await self._queries.pipeline(ask)
        now = seconds * 1000 + micros // 1000
        found = (decode_worker(id, row, now) for id, row in zip(ids, rows, strict=True))
        return [record for record in found if record is not None]
