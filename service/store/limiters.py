"""Limits that belong to no queue: of a fan-out's jobs, and those that handlers share with `ctx.limiter`."""

from typing import Any

from redis.exceptions import RedisError

from service.store import keys
from service.store.failures import translate
from service.store.scripts import Scripts


class Limiters:
    """A limit must be there before the first job that it is for is queued, and stay until the last has ended.

    A script that creates a fan-out writes the field itself, in the same call.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts
        self._redis: Any = scripts.redis
        self._prefix = scripts.prefix

    async def limit_fan_out(self, fan_out_id: str, max_concurrency: int) -> None:
        """Its jobs get lanes of their own, of which a claim sees nothing while the fan-out is full."""
        await self._do(
            lambda pipe: pipe.hset(keys.limiters(self._prefix), f"fan:{fan_out_id}", max_concurrency)
        )

    async def forget_fan_out(self, fan_out_id: str) -> None:
        """Once all its jobs have ended."""

        def forget(pipe: Any) -> None:
            pipe.hdel(keys.limiters(self._prefix), f"fan:{fan_out_id}")
            pipe.zrem(keys.parked(self._prefix), f"fan:{fan_out_id}")
            pipe.unlink(keys.parked_lanes(self._prefix, limiter=f"fan:{fan_out_id}"))

        await self._do(forget)

    async def acquire(self, name: str, limit: int, per_ms: int, who: str) -> float:
        """Seconds to wait before asking again as the same `who`; 0 when this one counts as a start now."""
        return int(await self._scripts.run("acquire", [name, limit, per_ms, who])) / 1_000_000

    async def _do(self, ask: Any) -> None:
        pipe = self._redis.pipeline(transaction=True)
        ask(pipe)
        try:
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise translate(error) from error
