"""Inflicts one fault after the other on a site, drawn from a seed."""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from redis import Redis

from tests.faults.site import Place, Site
from tests.support.eventually import eventually

#: In seconds; the longer one exceeds a lease, so a frozen process has lost its jobs.
SHORT, LONG = 0.8, 4.5


class Nemesis:
    """`done` has the faults so far, for the message of a failing test."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._chance = random.Random(seed)
        self._clock = asyncio.get_running_loop().time
        self.done: list[str] = []
        self._faults: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self.kill_worker, 2),
            (self.drain_worker, 2),
            (self.freeze_worker, 2),
            (self.kill_api, 2),
            (self.stop_api, 1),
            (self.crash_redis, 1),
            (self.freeze_redis, 1),
            (self.flush_functions, 1),
            (self.kill_connections, 1),
            (self.lose_replies, 3),
            (self.be_slow, 2),
            (self.be_mute, 2),
            (self.cut, 2),
        ]

    async def act(self) -> None:
        faults, weights = zip(*self._faults, strict=True)
        fault = self._chance.choices(faults, weights)[0]
        self.done.append(fault.__name__)
        await fault()

    async def kill_worker(self) -> None:
        await self._replace(self._worker(), signal.SIGKILL)

    async def drain_worker(self) -> None:
        await self._replace(self._worker(), signal.SIGTERM)

    async def freeze_worker(self) -> None:
        process = self._worker().process
        process.send_signal(signal.SIGSTOP)
        await self._passed(self._chance.choice((SHORT, LONG)))
        process.send_signal(signal.SIGCONT)

    async def kill_api(self) -> None:
        await self._replace(self._chance.choice(self._site.apis), signal.SIGKILL)

    async def stop_api(self) -> None:
        await self._replace(self._chance.choice(self._site.apis), signal.SIGTERM)

    async def crash_redis(self) -> None:
        self._site.restart_redis()

    async def freeze_redis(self) -> None:
        os.kill(self._site.server.pid, signal.SIGSTOP)
        await self._passed(self._chance.choice((SHORT, LONG)))
        os.kill(self._site.server.pid, signal.SIGCONT)

    async def flush_functions(self) -> None:
        with Redis.from_url(self._site.server.url) as redis:
            client: Any = redis
            client.function_flush()

    async def kill_connections(self) -> None:
        with Redis.from_url(self._site.server.url) as redis:
            client: Any = redis
            client.client_kill_filter(_type="normal", skipme=True)

    async def lose_replies(self) -> None:
        await self._weather(lose_reply=self._chance.choice((2, 5, 11)))

    async def be_slow(self) -> None:
        await self._weather(latency=(0.02, 0.25))

    async def be_mute(self) -> None:
        await self._weather(**{self._chance.choice(("silence", "silent_replies")): True})

    async def cut(self) -> None:
        for _ in range(5):
            self._chance.choice((self._site.front, self._site.back)).cut()
            await self._passed(0.1)

    async def _replace(self, place: Place, sent: signal.Signals) -> None:
        # In a thread, so that clients keep running: one stuck in a request would delay the exit of its
        # process.
        await asyncio.to_thread(self._site.replace, place, sent)

    def _worker(self) -> Place:
        return self._chance.choice(self._site.workers)

    async def _weather(self, **changes: Any) -> None:
        with contextlib.ExitStack() as stack:
            for proxy in self._chance.choice(
                ([self._site.front], [self._site.back], [self._site.front, self._site.back])
            ):
                stack.enter_context(proxy.weather(**changes))
            await self._passed(2 * SHORT)

    async def _passed(self, seconds: float) -> None:
        until = self._clock() + seconds

        def over() -> None:
            assert self._clock() >= until

        await eventually(over, seconds + 10)
