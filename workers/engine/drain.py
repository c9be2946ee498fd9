"""Ends a worker: finish what runs, hand back what does not end in time, without using up an attempt."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from service.domain.errors import TriageError
from service.tasks import end, within
from workers.engine.claimer import Claimer
from workers.engine.completer import Settler
from workers.engine.executor import Executor
from workers.engine.runs.stopper import DRAIN_GRACE

#: Seconds that Redis gets to take the ends of the last runs.
LAST_SECONDS = 1.0

log = structlog.get_logger("triage.drain")


class Drain:
    """Begun by a signal, the admin port or the API; `hurry` skips to the hand-back."""

    def __init__(
        self,
        seconds: float,
        claimer: Claimer,
        executor: Executor,
        settler: Settler,
        hand_over: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._seconds = seconds
        self._claimer = claimer
        self._executor = executor
        self._settler = settler
        self._hand_over = hand_over
        self.begun = asyncio.Event()
        self._hurry = asyncio.Event()

    def begin(self, why: str, hurry: bool = False) -> None:
        """Once begun, it goes on as it is: Kubernetes calls the admin port and then sends a signal."""
        if hurry:
            self._hurry.set()
        if self.begun.is_set():
            return
        log.info("drain_begins", why=why, running=len(self._executor.runs))
        self._executor.draining.set()
        self._claimer.stop()
        self.begun.set()

    async def work(self, claims: asyncio.Task[None]) -> None:
        """Runs to the end of the drain; bounded, whether or not Redis is there."""
        deadline = asyncio.get_running_loop().time() + self._seconds
        # A claim under way may still bring jobs: they are runs like all others by then.
        await asyncio.wait({claims}, timeout=self._seconds)
        await end([claims])
        while self._executor.runs and not self._hurry.is_set():
            remaining = deadline - asyncio.get_running_loop().time()
            if remaining <= 0:
                break
            await self._wait_for_a_run(remaining)
        handed_back = list(self._executor.runs.values())
        for run in handed_back:
            self._executor.stopper.stop(run, "drain")
        late = asyncio.get_running_loop().time() + DRAIN_GRACE
        while self._executor.runs and (remaining := late - asyncio.get_running_loop().time()) > 0:
            await self._wait_for_a_run(remaining)
        for run in list(self._executor.runs.values()):
            self._executor.stopper.abandon(run)
        written = await self._settler.flush(LAST_SECONDS)
        log.info("drain_ends", handed_back=len(handed_back), written=written)
        try:
            await within(LAST_SECONDS, self._hand_over())
        except (TriageError, TimeoutError):
            log.warning("not_deregistered")

    async def _wait_for_a_run(self, seconds: float) -> None:
        self._executor.run_concluded.clear()
        concluded = asyncio.ensure_future(self._executor.run_concluded.wait())
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait({concluded, hurry}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        await end([concluded, hurry])
