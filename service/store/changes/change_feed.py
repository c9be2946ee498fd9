"""Waiting for a job to change without asking again and again: who waits in one namespace, and for what."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence

from service.store.changes.subscriber import Subscriber
from service.store.redis import keys
from service.store.redis.scripts import Scripts

#: Seconds after which an entry of `watched` is void whoever made it; longer than a request waits.
_ENTRY_SECONDS = 60
#: Seconds between two renewals of all entries of this process: streams watch for longer.
_RENEW_SECONDS = 20


class Change(asyncio.Event):
    """Set when what is watched may have changed.

    `last`: nothing is waited for any more, the process ends. `lost`: the subscription has ended, and what
    comes after the next look is only seen by who watches anew.
    """

    last = False
    lost = False


class ChangeFeed:
    """Wakes waiters when their job changed, or may have: after a lost subscription they look again.

    How many may wait is decided by whoever lets them in. `subscriber` is that of the process; without it, one
    of this namespace alone.
    """

    def __init__(self, scripts: Scripts, subscriber: Subscriber | None = None) -> None:
        self._scripts = scripts
        self._channel = scripts.prefix + keys.CHANGES
        self._subscriber = subscriber or Subscriber(scripts.redis)
        self._waiters: dict[str, set[Change]] = {}
        #: Those of them whose entries are renewed.
        self._announced: set[str] = set()
        self._announced_at = 0.0
        self._count = 0
        self._released = False

    @contextlib.asynccontextmanager
    async def watch(self, id: str) -> AsyncGenerator[Change]:
        """Enter, read the job, then wait for the event: no change in between is missed.

        Raises BackendUnavailable when Redis is away.
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
        """Wake every waiter and end the subscription: that of the process, if it is shared."""
        await self._subscriber.close()
        self._wake_all()

    def heard(self, ids: Sequence[str]) -> None:
        for id in ids:
            for event in self._waiters.get(id, ()):
                event.set()

    def lost(self) -> None:
        self._announced.clear()
        for events in self._waiters.values():
            for event in events:
                event.lost = True
        self._wake_all()

    async def joined(self) -> None:
        # All at once: after a lost subscription there may be many.
        await self._announce_all()

    async def renew(self) -> None:
        since = _now() - self._announced_at
        if since > _RENEW_SECONDS:
            await self._announce_all()
            if since > _ENTRY_SECONDS:
                self._wake_all()  # this process stood still, and was told of nothing meanwhile

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
