"""One connection per process that receives the changes of every namespace that has waiters."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import RedisError

from service.domain.errors import TriageError
from service.store.codec.fields import texts
from service.store.redis.errors import translate
from service.tasks import end

#: Seconds until the process unsubscribes from an unused channel; without channels it disconnects.
IDLE_SECONDS = 30.0
#: Seconds between checks for unused channels.
CHECK_SECONDS = 1.0


class Listener(Protocol):
    """Receives the changes of one namespace for its waiters."""

    @property
    def watched(self) -> bool: ...

    async def on_subscribed(self) -> None:
        """The subscription has begun; called before `join` returns."""
        ...

    def on_changes(self, ids: Sequence[str]) -> None:
        """Jobs or groups with these ids have changed."""
        ...

    def on_lost(self) -> None:
        """The subscription has ended; later changes do not arrive."""
        ...

    async def renew(self) -> None:
        """Called about once a second while there are waiters."""
        ...


@dataclass
class _Channel:
    listener: Listener
    requested: bool = False
    confirmed: asyncio.Event = field(default_factory=asyncio.Event)
    used_at: float = 0.0


class Subscriber:
    """Connects for the first waiter, and disconnects some time after the last one or on `close`."""

    def __init__(self, redis: Redis) -> None:
        self._redis: Any = redis
        self._channels: dict[str, _Channel] = {}
        #: Names of channels to subscribe to, or to unsubscribe from if `_channels` lacks them by then.
        self._requests: asyncio.Queue[str] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def join(self, name: str, listener: Listener) -> None:
        """Return when the listener will receive every later change; raises BackendUnavailable, StoreFault."""
        while True:
            task = self._start()
            channel = self._channels.get(name)
            if channel is None:
                channel = self._channels[name] = _Channel(listener, used_at=_now())
                self._requests.put_nowait(name)
            if channel.listener is not listener:
                # The former one no longer waits; its channel has not been dropped yet.
                channel.listener = listener
                if channel.confirmed.is_set():
                    await listener.on_subscribed()
            if channel.confirmed.is_set():
                return
            confirmed = asyncio.ensure_future(channel.confirmed.wait())
            try:
                await asyncio.wait({confirmed, task}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                await end([confirmed])
            if channel.confirmed.is_set() or task.cancelled():
                return
            if task.done() and (error := task.exception()) is not None:
                raise error if isinstance(error, TriageError) else translate(error, wrote=False)

    async def close(self) -> None:
        """Disconnect, and tell every listener."""
        if self._task is not None:
            await end([self._task])
            self._task = None

    def _start(self) -> "asyncio.Task[None]":
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
            # `join` raises the task's error. Without callers, read it, so that asyncio does not log it.
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._task

    async def _run(self) -> None:
        """Raises when it cannot subscribe; of a later failure it tells the listeners."""
        # Calls of `join` while this task ends belong to the next task, so that one gets fresh objects.
        channels, requests = self._channels, self._requests
        pubsub = self._redis.pubsub()
        tasks: list[asyncio.Task[None]] = []
        try:
            # The first subscription opens the connection, which `_receive` needs.
            await _apply(pubsub, channels, await requests.get())
            work = (
                _send(pubsub, channels, requests),
                _receive(pubsub, channels),
                _drop_unused(channels, requests),
            )
            tasks = [asyncio.create_task(coroutine) for coroutine in work]
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            errors = [error for task in done if (error := task.exception()) is not None]
            joining = not all(channel.confirmed.is_set() for channel in channels.values())
            if errors and (joining or not isinstance(errors[0], RedisError | OSError | TriageError)):
                raise errors[0]
        finally:
            self._channels, self._requests = {}, asyncio.Queue()
            for channel in channels.values():
                channel.listener.on_lost()
            await end(tasks)
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()


async def _send(pubsub: Any, channels: dict[str, _Channel], requests: "asyncio.Queue[str]") -> None:
    """The only writer of the connection, so that a cancelled request cannot interrupt a command."""
    while True:
        await _apply(pubsub, channels, await requests.get())


async def _apply(pubsub: Any, channels: dict[str, _Channel], name: str) -> None:
    channel = channels.get(name)
    if channel is None:
        await pubsub.unsubscribe(name)
    elif not channel.requested:
        channel.requested = True
        await pubsub.subscribe(name)


async def _receive(pubsub: Any, channels: dict[str, _Channel]) -> None:
    while True:
        message = await pubsub.get_message(timeout=CHECK_SECONDS)
        if message is None:
            continue
        (name,) = texts([message["channel"]])
        channel = channels.get(name)
        if channel is None:
            continue
        if message["type"] == "message":
            (change,) = texts([message["data"]])
            channel.listener.on_changes(change.split(" "))
        elif message["type"] == "subscribe":
            if channel.confirmed.is_set():
                return  # redis-py has reconnected, so messages may have been lost.
            await channel.listener.on_subscribed()
            channel.confirmed.set()


async def _drop_unused(channels: dict[str, _Channel], requests: "asyncio.Queue[str]") -> None:
    """Drop channels that are no longer used; returns without any."""
    while channels:
        await asyncio.sleep(CHECK_SECONDS)
        for name, channel in list(channels.items()):
            if channel.listener.watched:
                channel.used_at = _now()
                await channel.listener.renew()
            elif _now() - channel.used_at >= IDLE_SECONDS:
                del channels[name]
                requests.put_nowait(name)


def _now() -> float:
    return asyncio.get_running_loop().time()
