"""Who works: workers and their job types as they announced them, and asking one to drain."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Literal

import orjson
from redis.exceptions import RedisError, WatchError

from service.domain.catalogue import JobType
from service.store.cursors import decode_cursor, encode_cursor
from service.store.queries import Page, Queries
from service.store.redis import keys
from service.store.redis.errors import translate
from service.store.redis.scripts import Argument, Scripts

#: A worker that was not seen for the length of its leases is shown as lost; with longer ones after this time.
LOST_AFTER_MS = 30_000
#: Milliseconds that a heartbeat may be late beyond that.
LATE_MS = 1_000
#: A lost worker stays visible for an hour.
FORGOTTEN_AFTER_MS = 3_600_000

WorkerState = Literal["running", "draining", "lost"]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process as it announced itself; `running` is as of its last heartbeat."""

    id: str
    host: str
    pid: int
    version: str
    queues: Mapping[str, int]
    job_types: tuple[str, ...]
    state: WorkerState
    running: int
    capacity: int
    started_at: int
    seen_at: int
    lease_ms: int = LOST_AFTER_MS
    #: Lost for so long that the entry is dropped.
    forgotten: bool = False

    def serves(self, queue: str) -> bool:
        return queue in self.queues or "*" in self.queues

    @property
    def pool(self) -> str:
        """Workers alike in queues and types share one pool, and one wake-up reaches one of them."""
        return sha256(self._capabilities().encode()).hexdigest()[:16]

    def _capabilities(self) -> str:
        return f",{','.join(sorted(self.queues))},|,{','.join(sorted(self.job_types))},"

    def pool_entry(self) -> tuple[str, str]:
        return self.pool, self._capabilities()


class WorkerRegistry:
    """The workers of one namespace."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._redis: Any = scripts.redis
        self._prefix = scripts.prefix
        self._queries = queries

    async def register(self, record: WorkerRecord, types: Sequence[JobType]) -> None:
        """Announce a worker and publish its job types; sent again it changes nothing."""
        fields = [value for pair in _encode(record).items() for value in pair]
        documents = dict.fromkeys(record.job_types, b"") | {
            type.name: orjson.dumps(asdict(type)) for type in types
        }
        published = [value for pair in documents.items() for value in pair]
        entry: list[Argument] = [record.id, record.seen_at, *record.pool_entry(), len(fields)]
        await self._scripts.run("register_worker", [*entry, *fields, *published])

    async def deregister(self, id: str) -> None:
        pipe = self._redis.pipeline(transaction=True)
        pipe.unlink(
            keys.worker(self._prefix, worker=id),
            keys.inbox(self._prefix, worker=id),
            keys.claim(self._prefix, worker=id),
        )
        pipe.zrem(keys.workers(self._prefix), id)
        await self._execute(pipe)

    async def request_drain(self, id: str) -> bool:
        """Ask a worker to drain; it hears of it within its next heartbeat, at once when it is idle."""
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
        """Only types that a worker which is not lost knows: nobody else vouches for a schema."""
        published, known = await self.published_types()
        return [job_type for job_type in published if job_type.name in known]

    async def published_types(self) -> "tuple[list[JobType], set[str]]":
        """Every type that a worker has ever published, and the names of those that a live one knows."""
        known = {name for record in await self.alive() for name in record.job_types}
        published = (await self._queries.pipeline(lambda pipe: pipe.hgetall(keys.catalogue(self._prefix))))[0]
        return [_decode_type(orjson.loads(text)) for _, text in sorted(published.items())], known

    async def forget_lost(self) -> None:
        """Drop workers that were lost an hour ago, and pools in which nobody is left.

        A worker that registers meanwhile makes the transaction fail: the next look tidies up.
        """
        pipe = self._redis.pipeline(transaction=True)
        try:
            await pipe.watch(keys.workers(self._prefix))
            ids = [id.decode() for id in await pipe.zrange(keys.workers(self._prefix), 0, -1)]
            pools = [pool.decode() for pool in await pipe.hkeys(keys.pools(self._prefix))]
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
                # UNWATCH got no reply, which closed the connection; its place in the pool is still taken.
                pipe.watching = False
                await pipe.reset()

    def _ask_ids(self, pipe: Any) -> None:
        pipe.zrange(keys.workers(self._prefix), 0, -1)

    async def _all(self) -> "list[WorkerRecord]":
        return await self._read([id.decode() for id in (await self._queries.pipeline(self._ask_ids))[0]])

    async def _read(self, ids: Sequence[str]) -> "list[WorkerRecord]":
        def ask(pipe: Any) -> None:
            pipe.time()
            for id in ids:
                pipe.hgetall(keys.worker(self._prefix, worker=id))

        (seconds, micros), *rows = await self._queries.pipeline(ask)
        now = seconds * 1000 + micros // 1000
        return [_decode(id, row, now) for id, row in zip(ids, rows, strict=True) if b"host" in row]

    async def _execute(self, pipe: Any) -> None:
        try:
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise translate(error, wrote=True) from error


def _encode(record: WorkerRecord) -> dict[str, str | int | bytes]:
    return {
        "host": record.host,
        "pid": record.pid,
        "version": record.version,
        "queues": orjson.dumps(dict(record.queues)),
        "job_types": orjson.dumps(record.job_types),
        "state": record.state,
        "running": record.running,
        "capacity": record.capacity,
        "started_at": record.started_at,
        "seen_at": record.seen_at,
        "lease_ms": record.lease_ms,
    }


def _decode(id: str, fields: Mapping[bytes, bytes], now: int) -> WorkerRecord:
    seen_at = int(fields[b"seen_at"])
    state: WorkerState = "draining" if fields[b"state"] == b"draining" else "running"
    lease_ms = int(fields[b"lease_ms"])
    lost_after_ms = min(lease_ms, LOST_AFTER_MS) + LATE_MS
    return WorkerRecord(
        id=id,
        host=fields[b"host"].decode(),
        pid=int(fields[b"pid"]),
        version=fields[b"version"].decode(),
        queues=orjson.loads(fields[b"queues"]),
        job_types=tuple(orjson.loads(fields[b"job_types"])),
        state="lost" if now - seen_at > lost_after_ms else state,
        running=int(fields[b"running"]),
        capacity=int(fields[b"capacity"]),
        started_at=int(fields[b"started_at"]),
        seen_at=seen_at,
        lease_ms=lease_ms,
        forgotten=now - seen_at > FORGOTTEN_AFTER_MS,
    )


def _decode_type(document: dict[str, Any]) -> JobType:
    fields: dict[str, Any] = {**document, "redact": tuple(document["redact"])}
    return JobType(**fields)
