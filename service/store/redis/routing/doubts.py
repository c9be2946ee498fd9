"""Decides when to ask again which servers are masters, and whom, so that a failover causes no stampede."""

import random

from redis.exceptions import (
    AskError,
    ClusterDownError,
    ConnectionError,
    MovedError,
    ReadOnlyError,
    TimeoutError,
)

from service.redis_url import Address, RedisUrl
from service.store.redis.routing.layout import Layout

#: Errors after which a server may not be the master any more.
DOUBTFUL = (ConnectionError, TimeoutError, OSError, ReadOnlyError, MovedError, ClusterDownError)
#: The first and the longest pause between questions that change nothing, in seconds. Each pause gets
#: up to half shorter or longer, so that processes do not ask in step.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0


class Doubts:
    """The known layout, and whether it is time to ask again. Not thread-safe."""

    def __init__(self, url: RedisUrl) -> None:
        self.layout: Layout | None = None
        self._url = url
        self._nodes = list(url.nodes)
        #: Masters that have failed since the last question.
        self._doubted: set[Address] = set()
        self._outdated = False
        self._pause = FIRST_PAUSE
        self._asked_at = self._ask_at = 0.0

    def must_ask(self, now: float) -> bool:
        sure = self.layout is not None and self.layout.complete and not self._doubted and not self._outdated
        return not sure and now >= self._ask_at

    def on_error(self, address: Address, error: BaseException) -> None:
        """The server at `address` failed to do what a master does."""
        if self.layout is None or not isinstance(error, DOUBTFUL):
            return
        if isinstance(error, MovedError):
            # It names the new master, so the next call need not ask about all slots.
            self.layout = self.layout.moved(error.slot_id, (error.host or address[0], error.port))
            self._outdated = True
        elif address in self.layout.masters:
            self._doubted.add(address)

    def nodes(self) -> list[Address]:
        """Whom to ask, in this order, until one is trusted."""
        if self._url.kind == "sentinel":
            return list(self._nodes)
        # Masters first, because the servers in the URL may be gone by now.
        known = () if self.layout is None else sorted(self.layout.masters)
        return sorted(dict.fromkeys((*known, *self._nodes)), key=lambda node: node in self._doubted)

    def trusts(self, node: Address, layout: Layout) -> bool:
        """False if others may know better: Sentinels hear of a failover up to two seconds after it."""
        trusted = layout.complete and layout.masters.isdisjoint(self._doubted)
        if trusted and node in self._nodes:
            self._nodes.remove(node)
            self._nodes.insert(0, node)
        return trusted

    def on_layout(self, layout: Layout, now: float) -> bool:
        """Whether the layout has changed."""
        changed = layout != self.layout
        self.layout = layout
        self._doubted.clear()
        self._outdated = False
        self._wait(now, changed=changed)
        return changed

    def on_silence(self, now: float) -> None:
        """No Sentinel and no server of the cluster knows a master."""
        self._wait(now, changed=False)

    def _wait(self, now: float, *, changed: bool) -> None:
        calm = now - self._asked_at > 3 * LAST_PAUSE
        self._pause = FIRST_PAUSE if changed or calm else min(2 * self._pause, LAST_PAUSE)
        self._asked_at = now
        self._ask_at = now + self._pause * (0.5 + random.random())


def is_moving(error: BaseException) -> bool:
    """Whether the slot of the call is being moved to another server; the call was not applied.

    Triage never follows ASK to the new server: that one has only a part of the keys, and a script would take
    the others for deleted.
    """
    return isinstance(error, AskError) and not isinstance(error, MovedError)
