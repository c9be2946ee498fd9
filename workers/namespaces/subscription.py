"""Messages for one namespace, over the connection on which the worker hears of all of them."""

import asyncio
import random
from collections.abc import Callable, Sequence

import structlog

from service.domain.errors import TriageError
from service.store.changes.subscriber import Subscriber
from service.tasks import end

#: The pause after a failed subscription, in seconds: a minimum, and a random part on top.
PAUSE, JITTER = 0.3, 0.4

log = structlog.get_logger("triage.subscription")


class _Channel:
    """Reports each message, and each time at which one may have been missed."""

    def __init__(self, name: str, on_message: Callable[[], None]) -> None:
        self.name = name
        self.watched = True
        self.lost = asyncio.Event()
        self._on_message = on_message

    async def on_subscribed(self) -> None:
        self._on_message()

    def on_changes(self, ids: Sequence[str]) -> None:
        self._on_message()

    def on_lost(self) -> None:
        self.lost.set()

    async def renew(self) -> None:
        pass


class Subscription:
    """Keeps the subscription to some channels, through outages of Redis."""

    def __init__(self, subscriber: Subscriber, channels: dict[str, Callable[[], None]]) -> None:
        """The channels by name, with what to call for each message."""
        self._subscriber = subscriber
        self._channels = [_Channel(name, on_message) for name, on_message in channels.items()]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep(channel)) for channel in self._channels]

    async def stop(self) -> None:
        for channel in self._channels:
            channel.watched = False
        await end(self._tasks)

    async def _keep(self, channel: _Channel) -> None:
        failing = False
        while True:
            channel.lost.clear()
            try:
                await self._subscriber.join(channel.name, channel)
                failing = False
                await channel.lost.wait()
            except TriageError as error:
                if not failing:
                    log.warning("subscription_failed", code=error.code)
                failing = True
            await asyncio.sleep(PAUSE + random.random() * JITTER)
