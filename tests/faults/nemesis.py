"""Inflicts one fault after the other on a site, drawn from a seed."""

import asyncio
import random
import signal

from tests.faults.backends import LONG, SHORT, Fault, passed
from tests.faults.site import Place, Site


class Nemesis:
    """`done` has the faults so far, for the message of a failing test."""

    def __init__(self, site: Site, seed: int) -> None:
        self._site = site
        self._chance = random.Random(seed)
        self.done: list[str] = []
        self._faults: list[Fault] = [
            (self.kill_worker, 2),
            (self.drain_worker, 2),
            (self.freeze_worker, 2),
            (self.kill_api, 2),
            (self.stop_api, 1),
            *site.backend.faults(self._chance),
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
        await passed(self._chance.choice((SHORT, LONG)))
        process.send_signal(signal.SIGCONT)

    async def kill_api(self) -> None:
        await self._replace(self._chance.choice(self._site.apis), signal.SIGKILL)

    async def stop_api(self) -> None:
        await self._replace(self._chance.choice(self._site.apis), signal.SIGTERM)

    async def _replace(self, place: Place, sent: signal.Signals) -> None:
        # In a thread, so that clients keep running: one stuck in a request would delay the exit of its
        # process.
        await asyncio.to_thread(self._site.replace, place, sent)

    def _worker(self) -> Place:
        return self._chance.choice(self._site.workers)
