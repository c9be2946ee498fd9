"""Drains a worker: let runs finish, and hand back jobs that take too long without using up an attempt."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from service.domain.errors import TriageError
from service.tasks import end, within
from workers.engine.claimer import Claimer
from workers.engine.completer import Completer
from workers.engine.executor import Executor
from workers.engine.runs.run import RunState
from workers.engine.runs.stopper import DRAIN_GRACE

#: How long to wait until Redis has the last finishes, in seconds.
LAST_SECONDS = 1.0

log = structlog.get_logger("triage.drain")


class Drain:
    """A signal, the admin port or the API calls `begin`; `work` then drains the worker.

    Claims stop at once. Runs get `seconds` to finish, then a request to stop and DRAIN_GRACE to react; the
    drain abandons the rest. Then Redis gets the last finishes, and `leave` deregisters the worker.
    """

    def __init__(
        self,
        seconds: float,
        claimer: Claimer,
        executor: Executor,
        completer: Completer,
        leave: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._seconds = seconds
        self._claimer = claimer
        self._executor = executor
        self._runs = executor.runs
        self._completer = completer
        self._leave = leave
        self.started = asyncio.Event()
        self._hurry = asyncio.Event()

    def begin(self, why: str, hurry: bool = False) -> None:
        """Begin to drain; a later call only matters with `hurry`, which hands back running jobs now.

        Kubernetes calls the admin port and then sends a signal.
        """
        if hurry:
            self._hurry.set()
        if self.started.is_set():
            return
        log.info("drain_begins", why=why, running=len(self._runs.by_job))
        self._executor.draining.set()
        self._claimer.stop()
        self.started.set()

    async def work(self, claims: asyncio.Task[None]) -> None:
        """Drain in bounded time, whether or not Redis is reachable."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        # A claim in progress may still return jobs, which then run like all others.
        await asyncio.wait({claims}, timeout=self._seconds)
        await end([claims])
        while self._runs.by_job and not self._hurry.is_set() and (left := deadline - loop.time()) > 0:
            await self._wait_for_a_run(left, self._hurry)
        handed_back = list(self._runs.by_job.values())
        for run in handed_back:
            self._executor.stopper.stop(run, RunState.DRAINED)
        late = loop.time() + DRAIN_GRACE
        while self._runs.by_job and (left := late - loop.time()) > 0:
            await self._wait_for_a_run(left)
        for run in list(self._runs.by_job.values()):
            self._executor.stopper.abandon(run)
        written = await self._completer.flush(LAST_SECONDS)
        log.info("drain_ends", handed_back=len(handed_back), written=written)
        try:
            await within(LAST_SECONDS, self._leave())
        except (TriageError, TimeoutError):
            log.warning("not_deregistered")

    async def _wait_for_a_run(self, seconds: float, *others: asyncio.Event) -> None:
        """Wait until a run has concluded or one of the other events is set."""
        self._runs.concluded.clear()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._runs.concluded, *others)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        await end(waits)
