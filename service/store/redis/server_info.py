"""What the masters say about themselves, for metrics and alerts."""

from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from service.store.redis.connect import each_master
from service.store.redis.errors import translate


async def eviction_policy(redis: Redis) -> str | None:
    """The maxmemory-policy; any value but `noeviction` lets Redis delete jobs. None: the server hides it.

    In a cluster, of the first master that has another one; masters that are down count only if all are.
    """
    found = await _of_masters(redis, "memory")
    policies = [info.get("maxmemory_policy") for info in found]
    return min(policies, key=lambda policy: (policy in (None, "noeviction"), policy is not None))


async def fewest_replicas(redis: Redis) -> int | None:
    """The replicas that the master with the fewest has. None: no server shows it."""
    found = await _of_masters(redis, "replication")
    return min((int(info["connected_slaves"]) for info in found if "connected_slaves" in info), default=None)


async def _of_masters(redis: Redis, section: str) -> list[dict[str, Any]]:
    """Of each master that responds; empty for one that hides it. Raises TriageError if none responds."""
    found: list[dict[str, Any]] = []
    failure: RedisError | OSError | None = None
    try:
        clients = await each_master(redis)
    except (RedisError, OSError) as error:
        raise translate(error, wrote=False) from error
    for _, client in clients:
        try:
            found.append(await cast(Any, client).info(section))
        except ResponseError:
            found.append({})
        except (RedisError, OSError) as error:
            failure = error
    if failure is not None and not found:
        raise translate(failure, wrote=False) from failure
    return found
