"""Tries whether the Redis user may use the keys, scripts and channels of a namespace.

Otherwise each call would fail as if Redis were unavailable.
"""

from typing import Any, cast

from redis.asyncio import Redis

from service.store.redis import keys
from service.store.redis.connect import client_for


async def try_rights(redis: Redis, namespace: str, *, access: bool) -> None:
    """Raises NoPermissionError, and errors of the connection. `access`: also the keys of API keys."""
    prefix = keys.prefix(namespace)
    client: Any = client_for(redis, prefix)
    await client.exists(f"{prefix}queues")
    await client.eval("return 1", 1, f"{prefix}queues")
    await client.publish(f"{prefix}check", "")
    if access:
        name = f"{keys.ACCESS_PREFIX}keys"
        await cast(Any, client_for(redis, name)).exists(name)
