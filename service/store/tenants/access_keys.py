"""Stores API keys by the SHA-256 of their secrets; random secrets of 256 bits need no slow hash."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.access_key import MAX_KEYS, AccessKey
from service.domain.errors import NotFound, QuotaExceeded
from service.store.codec.fields import number, places, text, texts
from service.store.codec.tenants import decode_access_key, encode_access_key
from service.store.cursors import decode_place, encode_cursor
from service.store.redis import keys
from service.store.redis.connect import client_for
from service.store.redis.errors import translate
from service.store.redis.key_groups import tenant_keys
from service.store.redis.routing.repeats import repeat
from service.store.redis.scripts import Argument, Scripts

_PREFIX = keys.ACCESS_PREFIX


class AccessKeys:
    """The API keys of one Redis, for all namespaces. Changes work even if Redis is full."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = client_for(redis, _PREFIX)
        self._scripts = Scripts(redis, prefix=_PREFIX)

    async def create(self, key: AccessKey, digest: str) -> None:
        """`digest` is the hex SHA-256 of the secret, which is not stored. Raises QuotaExceeded."""
        arguments: list[Argument] = [key.id, digest, key.namespace, key.created_at, MAX_KEYS]
        for field in encode_access_key(key).items():
            arguments += field
        if not await self._scripts.run("create_access_key", arguments):
            raise QuotaExceeded.of("api_keys", MAX_KEYS)

    async def find(self, digest: str) -> AccessKey | None:
        fields = await self._call(self._redis.hgetall, keys.access_key(_PREFIX, digest=digest))
        return decode_access_key(fields)

    async def get(self, id: str) -> AccessKey | None:
        return (await self._read([id]))[0]

    async def list(self) -> "list[AccessKey]":
        """The keys of all namespaces, in the order of their ids."""
        ids = await self._call(self._redis.hkeys, keys.access_keys(_PREFIX))
        found = await self._read(sorted(texts(ids)))
        return [key for key in found if key is not None]

    async def page(
        self, namespace: str, limit: int, cursor: str | None
    ) -> "tuple[list[AccessKey], str | None]":
        """The keys of one namespace, newest first, and the cursor of the next page."""
        at, after = decode_place(cursor, "key")
        key = tenant_keys.access_keys_of("", namespace=namespace)
        arguments: list[Argument] = [limit + 1, at, after, "-inf", "+inf", key]
        rows = places(await self._scripts.run("list_page", arguments))
        found = await self._read([id for id, _ in rows[:limit]])
        following = encode_cursor(rows[limit - 1][1], rows[limit - 1][0]) if len(rows) > limit else None
        return [key for key in found if key is not None], following

    async def rotate(self, id: str, digest: str, overlap_ms: int, now: int) -> AccessKey:
        """Give the key another secret; the current one is valid until `now` + `overlap_ms`. Raises NotFound.

        `now` is the clock of the process, by which it also checks when a key expires.
        """
        if not await self._scripts.run("rotate_access_key", [id, digest, overlap_ms], str(now)):
            raise NotFound()
        found = await self.get(id)
        if found is None:
            raise NotFound()
        return found

    async def revoke(self, id: str) -> bool:
        """Delete a key. API processes may still accept it for a few seconds, from their caches."""
        return bool(await self._scripts.run("revoke_access_key", [id]))

    async def note_used(self, id: str, at: int) -> None:
        """Processes call it at most once a minute per key, so it costs next to nothing."""
        await self._call(self._redis.hset, tenant_keys.access_keys_used(_PREFIX), id, at, wrote=True)

    async def _read(self, ids: Sequence[str]) -> "list[AccessKey | None]":
        if not ids:
            return []
        secrets = await self._call(self._redis.hmget, keys.access_keys(_PREFIX), ids)
        used = await self._call(self._redis.hmget, tenant_keys.access_keys_used(_PREFIX), ids)
        pipe = self._redis.pipeline(transaction=False)
        for secret in secrets:
            pipe.hgetall(keys.access_key(_PREFIX, digest=_current(secret)))
        rows = await self._call(pipe.execute)
        return [decode_access_key(row, number(at)) for row, at in zip(rows, used, strict=True)]

    async def _call(self, method: Any, *arguments: Any, wrote: bool = False) -> Any:
        try:
            return await method(*arguments)
        except (RedisError, OSError) as error:
            if wrote:
                raise translate(error, wrote=wrote) from error
            return await repeat(partial(method, *arguments), error, wrote=False)


def _current(secrets: bytes | None) -> str:
    """The digest of the newest secret, the first word."""
    return (text(secrets) or "-").split(" ")[0]
