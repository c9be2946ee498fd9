"""Waits for jobs of one namespace to change, without polling."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from service.store.changes.subscriber import Subscriber
from service.store.redis import keys
from service.store.redis.scripts import Scripts

#: Seconds after which an entry of `watched` expires, in all processes; longer than a request waits.
_ENTRY_SECONDS = 60
#: Seconds between renewals of this process's entries: event streams outlive one entry.
_RENEW_SECONDS = 20


class Change(asyncio.Event):
    """Set when the watched job or group may have changed.

    `last`: the process is shutting down, so stop waiting. `lost`: the subscription has ended; read once more,
    then call `watch` again to see later changes.
    """

    last = False
    lost = False


class ChangeFeed:
    """Wakes waiters when their job has changed, or may have while the subscription was lost.

    Callers limit the number of waiters. Without the process's shared `subscriber`, the feed makes its own.
    """

    def __init__(self, scripts: Scripts, subscriber: Subscriber | None = None) -> None:
        self._scripts = scripts
        self._channel = scripts.prefix + keys.CHANGES
        self._subscriber = subscriber or Subscriber(scripts.redis)
        self._waiters: dict[str, set[Change]] = {}
        #: The ids of `_waiters` that have an entry in `watched`.
        self._announced: set[str] = set()
        self._announced_at = 0.0
        self._count = 0
        self._released = False

    @contextlib.asynccontextmanager
    async def watch(self, id: str) -> AsyncGenerator[Change]:
        """Enter, read the job, then wait for the event: it reports every change since the entry.

        Raises BackendUnavailable.
        """
        event = Change()
        event.last = self._released
        self._waiters.setdefault(id, set()).add(event)
        self._count += 1
        try:
            await self._subscriber.join(self._channel, self)
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
        """Whether there are waiters."""
        return self._count > 0

    def release(self) -> None:
        """Wake every waiter, and make later ones return at once."""
        self._released = True
        for events in self._waiters.values():
            for event in events:
                event.last = True
        self._wake_all()

    async def close(self) -> None:
        """Wake every waiter and close the subscriber, even a shared one."""
        await self._subscriber.close()
        self._wake_all()

    def on_changes(self, ids: Sequence[str]) -> None:
        for id in ids:
            for event in self._waiters.get(id, ()):
                event.set()

    def on_lost(self) -> None:
        self._announced.clear()
        for events in self._waiters.values():
            for event in events:
                event.lost = True
        self._wake_all()

    async def on_subscribed(self) -> None:
        # In one call: after a lost subscription there may be many.
        await self._announce_all()

    async def renew(self) -> None:
        since = _now() - self._announced_at
        if since > _RENEW_SECONDS:
            await self._announce_all()
            if since > _ENTRY_SECONDS:
                self._wake_all()  # The process was suspended; its entries expired, and it missed changes.

    async def _announce_all(self) -> None:
        if self._waiters:
            await self._announce(list(self._waiters))
        self._announced_at = _now()

    async def _announce(self, ids: Sequence[str]) -> None:
        await self._scripts.run("renew_watches", [_ENTRY_SECONDS, *ids])
        self._announced.update(id for id in ids if id in self._waiters)

    def _wake_all(self) -> None:
        for events in self._waiters.values():
            for event in events:
                event.set()


def _now() -> float:
    return asyncio.get_running_loop().time()
