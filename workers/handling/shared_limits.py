"""`ctx.limiter`: a rate shared by the handlers of all workers, without polling."""

import asyncio
import math
from collections.abc import Callable

from service.domain.errors import TriageError
from service.store.limiters import Limiters
from service.tasks import end

#: The pause until a limiter retries when Redis is unavailable, in seconds.
RETRY_SECONDS = 0.5


class SharedLimiter:
    """At most `limit` callers pass in any window, across all workers, in order of arrival."""

    def __init__(self, limiters: "SharedLimiters", name: str, limit: int, per_seconds: float) -> None:
        if not 1 <= len(name) <= 128:
            raise ValueError(f"a limiter's name must have 1 to 128 characters, not {len(name)}")
        if limit < 1 or not (math.isfinite(per_seconds) and per_seconds > 0):
            raise ValueError(
                f"a limiter needs a limit of at least 1 in more than 0 seconds, not {limit} in "
                f"{per_seconds:g}"
            )
        self._limiters = limiters
        self._name = name
        self._limit = limit
        self._per_ms = max(1, math.ceil(per_seconds * 1000))

    async def acquire(self) -> None:
        """Return when this caller may proceed; waits out an outage of Redis."""
        await self._limiters.acquire(self._name, self._limit, self._per_ms)


class BlockingLimiter:
    """For a handler in a thread: a blocking call that ends when the run is cancelled."""

    def __init__(
        self, limiter: SharedLimiter, loop: asyncio.AbstractEventLoop, cancelled: asyncio.Event
    ) -> None:
        self._limiter = limiter
        self._loop = loop
        self._cancelled = cancelled

    def acquire(self) -> None:
        asyncio.run_coroutine_threadsafe(self._acquire(), self._loop).result()

    async def _acquire(self) -> None:
        passed = asyncio.ensure_future(self._limiter.acquire())
        stopped = asyncio.ensure_future(self._cancelled.wait())
        try:
            await asyncio.wait({passed, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not passed.done():
                raise asyncio.CancelledError
            await passed
        finally:
            await end([passed, stopped])


class SharedLimiters:
    """One per process: of the callers that wait for a limiter, only the first one talks to Redis."""

    def __init__(self, limiters: Limiters, new_id: Callable[[], str]) -> None:
        self._limiters = limiters
        self._new_id = new_id
        self._locks: dict[str, asyncio.Lock] = {}

    def limiter(self, name: str, limit: int, per_seconds: float) -> SharedLimiter:
        return SharedLimiter(self, name, limit, per_seconds)

    async def acquire(self, name: str, limit: int, per_ms: int) -> None:
        lock = self._locks.setdefault(name, asyncio.Lock())
        async with lock:
            caller_id = self._new_id()
            while True:
                try:
                    wait = await self._limiters.acquire(name, limit, per_ms, caller_id)
                except TriageError:
                    wait = RETRY_SECONDS
                if wait <= 0:
                    return
                await asyncio.sleep(wait)
