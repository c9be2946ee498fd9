"""Asks Sentinel or the cluster for the masters, once for all callers of a process."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, cast
from weakref import WeakSet

import structlog
from redis.asyncio import Redis
from redis.exceptions import ConnectionError, RedisError

from service.redis_url import Address, RedisUrl
from service.store.redis.routing.doubts import Doubts
from service.store.redis.routing.layout import Layout, master_of
from service.tasks import end

log = structlog.get_logger("triage.redis")

#: How long one Sentinel or server may take to reply, and a caller waits for the result, in seconds.
REPLY_SECONDS, WAIT_SECONDS = 0.7, 0.7

#: Asks one Sentinel or server.
Question = Callable[[Address], Awaitable[Layout]]


class Follower(Protocol):
    """Has connections to masters."""

    def on_layout(self, layout: Layout) -> None: ...


class Masters:
    """The masters of one Sentinel set-up or cluster, for the clients of one event loop."""

    def __init__(self, url: RedisUrl, ask: Question) -> None:
        self._ask = ask
        self._doubts = Doubts(url)
        self._asking: asyncio.Task[None] | None = None
        self._followers: WeakSet[Any] = WeakSet()
        self._failure: Exception | None = None
        self._silent = False

    def follow(self, follower: Follower) -> None:
        self._followers.add(follower)

    async def layout(self) -> Layout:
        """Raises ConnectionError while no master is known."""
        if self._doubts.must_ask(asyncio.get_running_loop().time()):
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._find())
            await asyncio.wait({self._asking}, timeout=WAIT_SECONDS)
        if self._doubts.layout is None:
            raise ConnectionError("Error connecting to Redis: no master is known.") from self._failure
        return self._doubts.layout

    @property
    def known(self) -> Layout | None:
        """The layout as of the last question."""
        return self._doubts.layout

    def on_error(self, address: Address, error: BaseException) -> None:
        """The server at `address` failed to do what a master does."""
        self._doubts.on_error(address, error)

    async def close(self) -> None:
        """Stop asking; a later call of `layout` may ask again."""
        if self._asking is not None:
            await end([self._asking])

    async def _find(self) -> None:
        doubts, first = self._doubts, self._doubts.layout is None
        layout = await self._ask_all()
        now = asyncio.get_running_loop().time()
        if layout is None:
            doubts.on_silence(now)
            # At the start, the caller reports it.
            if not self._silent and not first:
                log.info("redis_masters_unknown", error=type(self._failure).__name__)
        elif doubts.on_layout(layout, now):
            if not first:
                log.warning("redis_masters_changed", masters=layout.names)
            for follower in list(self._followers):
                follower.on_layout(layout)
        self._silent = layout is None

    async def _ask_all(self) -> Layout | None:
        """The layout of the first that is trusted, else of the last one."""
        found = None
        for node in self._doubts.nodes():
            try:
                found = await self._ask(node)
            except (RedisError, OSError) as error:
                self._failure = error
                continue
            if self._doubts.trusts(node, found):
                break
        return found


def question(url: RedisUrl, options: dict[str, Any]) -> Question:
    """`options`: for a connection to a Sentinel or to a server of the cluster."""

    async def of_sentinel(node: Address) -> Layout:
        client = Redis(host=node[0], port=node[1], **options)
        try:
            return Layout.of_master(master_of(url.master, await cast(Any, client).sentinel_masters()))
        finally:
            await _close(client)

    async def of_cluster(node: Address) -> Layout:
        client = Redis(host=node[0], port=node[1], **options)
        try:
            return Layout.of_slots(await cast(Any, client).execute_command("CLUSTER SLOTS"), node)
        finally:
            await _close(client)

    return of_sentinel if url.kind == "sentinel" else of_cluster


async def _close(client: Redis) -> None:
    with contextlib.suppress(RedisError, OSError):
        await client.aclose()
