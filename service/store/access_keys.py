"""API keys: only the SHA-256 of a secret is kept; a random secret of 256 bits needs no slow hash."""

from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.store.redis import keys
from service.store.redis.errors import translate


@dataclass(frozen=True, slots=True)
class AccessKey:
    """Who may do what in which namespace; `created_at` is unix ms."""

    id: str
    name: str
    namespace: str
    scopes: frozenset[str]
    created_at: int


class AccessKeys:
    """The API keys of one Redis, over all namespaces."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis

    async def create(self, key: AccessKey, digest: str) -> None:
        """`digest` is the hex SHA-256 of the secret, which is not kept."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hset(
            keys.access_key(keys.ACCESS_PREFIX, digest=digest),
            mapping={
                "id": key.id,
                "name": key.name,
                "namespace": key.namespace,
                "scopes": " ".join(sorted(key.scopes)),
                "created_at": key.created_at,
            },
        )
        pipe.hset(keys.access_keys(keys.ACCESS_PREFIX), key.id, digest)
        await self._call(pipe.execute, wrote=True)

    async def find(self, digest: str) -> AccessKey | None:
        fields = await self._call(self._redis.hgetall, keys.access_key(keys.ACCESS_PREFIX, digest=digest))
        if not fields:
            return None
        return AccessKey(
            id=fields[b"id"].decode(),
            name=fields[b"name"].decode(),
            namespace=fields[b"namespace"].decode(),
            scopes=frozenset(fields[b"scopes"].decode().split()),
            created_at=int(fields[b"created_at"]),
        )

    async def list(self) -> "list[AccessKey]":
        digests = await self._call(self._redis.hgetall, keys.access_keys(keys.ACCESS_PREFIX))
        found = [await self.find(digest.decode()) for _, digest in sorted(digests.items())]
        return [key for key in found if key is not None]

    async def revoke(self, id: str) -> bool:
        """Void a key at once in Redis; API processes may honour it for the few seconds of their cache."""
        digest = await self._call(self._redis.hget, keys.access_keys(keys.ACCESS_PREFIX), id)
        if digest is None:
            return False
        pipe = self._redis.pipeline(transaction=True)
        pipe.unlink(keys.access_key(keys.ACCESS_PREFIX, digest=digest.decode()))
        pipe.hdel(keys.access_keys(keys.ACCESS_PREFIX), id)
        await self._call(pipe.execute, wrote=True)
        return True

    async def _call(self, method: Any, *arguments: Any, wrote: bool = False) -> Any:
        try:
            return await method(*arguments)
        except (RedisError, OSError) as error:
            raise translate(error, wrote=wrote) from error
