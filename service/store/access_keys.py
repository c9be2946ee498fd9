"""Stores API keys by the SHA-256 of their secrets; random secrets of 256 bits need no slow hash."""

from functools import partial
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.access_key import AccessKey
from service.store.codec.access_keys import decode_access_key, encode_access_key
from service.store.codec.fields import decode_texts, text
from service.store.redis import keys
from service.store.redis.connect import client_for
from service.store.redis.errors import translate
from service.store.redis.routing.repeats import repeat


class AccessKeys:
    """The API keys of one Redis, for all namespaces."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = client_for(redis, keys.ACCESS_PREFIX)

    async def create(self, key: AccessKey, digest: str) -> None:
        """`digest` is the hex SHA-256 of the secret, which is not stored."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(
            keys.access_key(keys.ACCESS_PREFIX, digest=digest),
            mapping=encode_access_key(key),
        )
        pipe.hset(keys.access_keys(keys.ACCESS_PREFIX), key.id, digest)
        await self._call(pipe.execute, wrote=True)

    async def find(self, digest: str) -> AccessKey | None:
        fields = await self._call(self._redis.hgetall, keys.access_key(keys.ACCESS_PREFIX, digest=digest))
        return decode_access_key(fields)

    async def list(self) -> "list[AccessKey]":
        digests = await self._call(self._redis.hgetall, keys.access_keys(keys.ACCESS_PREFIX))
        found = [await self.find(digest) for _, digest in sorted(decode_texts(digests).items())]
        return [key for key in found if key is not None]

    async def revoke(self, id: str) -> bool:
        """Delete a key. API processes may still accept it for a few seconds, from their caches."""
        digest = text(await self._call(self._redis.hget, keys.access_keys(keys.ACCESS_PREFIX), id))
        if digest is None:
            return False
        pipe = self._redis.pipeline(transaction=True)
        pipe.unlink(keys.access_key(keys.ACCESS_PREFIX, digest=digest))
        pipe.hdel(keys.access_keys(keys.ACCESS_PREFIX), id)
        await self._call(pipe.execute, wrote=True)
        return True

    async def _call(self, method: Any, *arguments: Any, wrote: bool = False) -> Any:
        try:
            return await method(*arguments)
        except (RedisError, OSError) as error:
            if wrote:
                raise translate(error, wrote=wrote) from error
            return await repeat(partial(method, *arguments), error, wrote=False)
