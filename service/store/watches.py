"""Waiting for a job to change without asking again and again: one subscription per process and namespace."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from redis.exceptions import RedisError

from service.cancellation import end
from service.domain.errors import TriageError
from service.store import keys
from service.store.failures import translate
from service.store.scripts import Scripts

#: Seconds after which an entry of `watched` is void whoever made it; longer than a request waits.
_ENTRY_SECONDS = 60
#: Seconds between two renewals of all entries of this process: streams watch for longer.
_RENEW_SECONDS = 20
#: A subscription that nobody uses is closed after this many seconds.
_IDLE_SECONDS = 30.0


class TooManyWaiters(TriageError):
    """This process has as many waiting requests as it may; ask again without waiting."""

    code = "too_many_waiters"
    retryable = True


class Change(asyncio.Event):
    """Set when what is watched may have changed.

    `last`: nothing is waited for any more, the process ends. `lost`: the subscription has ended, and what
    comes after the next look is only seen by who watches anew.
    """

    last = False
    lost = False


class Watches:
    """Wakes waiters when their job changed, or may have: after a lost subscription they look again."""

    def __init__(self, scripts: Scripts, capacity: int = 2_000) -> None:
        self._scripts = scripts
        self._capacity = capacity
        self._waiters: dict[str, set[Change]] = {}
        #: Those of them whose entries the listener renews.
        self._announced: set[str] = set()
        self._count = 0
        self._listener: asyncio.Task[None] | None = None
        self._subscribed = asyncio.Event()
        self._released = False

    @contextlib.asynccontextmanager
    async def watch(self, id: str) -> AsyncGenerator[Change]:
        """Enter, read the job, then wait for the event: no change in between is missed.

        Raises TooManyWaiters above the capacity, BackendUnavailable when Redis is away.
        """
        if self._count >= self._capacity:
            raise TooManyWaiters()
        event = Change()
        event.last = self._released
        self._waiters.setdefault(id, set()).add(event)
        self._count += 1
        try:
            await self._subscribe()
            if id not in self._announced:
                await self._announce([id])
            yield event
        finally:
            self._count -= 1
            self._waiters[id].discard(event)
            if not self._waiters[id]:
                del self._waiters[id]
                self._announced.discard(id)

    @property
    def watched(self) -> bool:
        """Whether anybody waits."""
        return self._count > 0

    def release(self) -> None:
        """Wake every waiter for good, and let no other one wait."""
        self._released = True
        for events in self._waiters.values():
            for event in events:
                event.last = True
        self._wake_all()

    async def close(self) -> None:
        """Wake every waiter and end the subscription."""
        if self._listener is not None:
            await end([self._listener])
            self._listener = None
        self._wake_all()

    async def _announce(self, ids: Sequence[str]) -> None:
        await self._scripts.run("watch", [_ENTRY_SECONDS, *ids])
        self._announced.update(id for id in ids if id in self._waiters)

    async def _subscribe(self) -> None:
        while not self._subscribed.is_set():
            if self._listener is None or self._listener.done():
                self._listener = asyncio.create_task(self._listen())
                # Those who wait for it raise what ended it; when they have gone, it is no news.
                self._listener.add_done_callback(lambda task: task.cancelled() or task.exception())
            listener = self._listener
            subscribed = asyncio.ensure_future(self._subscribed.wait())
            await asyncio.wait({subscribed, listener}, return_when=asyncio.FIRST_COMPLETED)
            await end([subscribed])
            if listener.cancelled():
                return
            if listener.done() and (error := listener.exception()) is not None:
                raise error if isinstance(error, TriageError) else translate(error)

    async def _listen(self) -> None:
        """Raises when it cannot begin; what ends it later is told to those who watch, who may begin anew."""
        client: Any = self._scripts.redis
        pubsub = client.pubsub(ignore_subscribe_messages=True)
        try:
            await pubsub.subscribe(self._scripts.prefix + keys.CHANGES)
            # All at once: after a lost subscription there may be many.
            await self._announce(list(self._waiters))
            self._subscribed.set()
            with contextlib.suppress(RedisError, OSError, TriageError):
                await self._hear(pubsub)
        finally:
            self._subscribed.clear()
            self._announced.clear()
            for events in self._waiters.values():
                for event in events:
                    event.lost = True
            self._wake_all()
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()

    async def _hear(self, pubsub: Any) -> None:
        clock = asyncio.get_running_loop().time
        idle, announced = 0.0, clock()
        while idle < _IDLE_SECONDS:
            message = await pubsub.get_message(timeout=1.0)
            idle = 0.0 if self._count else idle + 1.0
            if message is not None:
                for id in message["data"].decode().split(" "):
                    for event in self._waiters.get(id, ()):
                        event.set()
            if self._waiters and clock() - announced > _RENEW_SECONDS:
                await self._announce(list(self._waiters))
                if clock() - announced > _ENTRY_SECONDS:
                    self._wake_all()  # this process stood still, and was told of nothing meanwhile
                announced = clock()

    def _wake_all(self) -> None:
        for events in self._waiters.values():
            for event in events:
                event.set()
