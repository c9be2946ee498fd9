"""Drains a worker: let runs finish, and hand back jobs that take too long without using up an attempt."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from service.domain.errors import TriageError
from service.tasks import end, within
from workers.engine.claimer import Claimer
from workers.engine.completer import Completer
from workers.engine.executor import Executor
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.stopper import DRAIN_GRACE, Stopper
from workers.handling.cancel_notice import Flag

#: How long to wait until Redis has the last finishes, in seconds.
LAST_SECONDS = 1.0

log = structlog.get_logger("triage.drain")


class Drained(Protocol):
    """What a worker drains in each of its namespaces."""

    claimer: Claimer
    executor: Executor
    completer: Completer
    #: The claim loop, if it has started.
    claims: asyncio.Task[None] | None

    async def leave(self) -> None:
        """Deregister the worker."""
        ...


class Drain:
    """A signal, the admin port or the API calls `begin`; `work` then drains the worker.

    Claims stop at once. Runs get `seconds` to finish, then a request to stop and DRAIN_GRACE to react; the
    drain abandons the rest. Then Redis gets the last finishes, and the worker leaves its namespaces.
    """

    def __init__(
        self,
        seconds: float,
        served: Callable[[], Sequence[Drained]],
        draining: Flag,
        concluded: asyncio.Event,
    ) -> None:
        """`draining` tells all runs; `concluded` is set whenever a run of any namespace is concluded."""
        self._seconds = seconds
        self._served = served
        self._draining = draining
        self._concluded = concluded
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
        log.info("drain_begins", why=why, running=len(self._runs()))
        self._draining.set()
        for each in self._served():
            each.claimer.stop()
        self.started.set()

    async def work(self) -> None:
        """Drain in bounded time, whether or not Redis is reachable."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._seconds
        # A claim in progress may still return jobs, which then run like all others.
        if claims := [each.claims for each in self._served() if each.claims is not None]:
            await asyncio.wait(claims, timeout=self._seconds)
            await end(claims)
        while self._runs() and not self._hurry.is_set() and (left := deadline - loop.time()) > 0:
            await self._wait_for_a_run(left, self._hurry)
        handed_back = self._runs()
        for stopper, run in handed_back:
            stopper.stop(run, RunState.DRAINED)
        late = loop.time() + DRAIN_GRACE
        while self._runs() and (left := late - loop.time()) > 0:
            await self._wait_for_a_run(left)
        for stopper, run in self._runs():
            stopper.abandon(run)
        written = await asyncio.gather(*(each.completer.flush(LAST_SECONDS) for each in self._served()))
        log.info("drain_ends", handed_back=len(handed_back), written=all(written))
        await asyncio.gather(*map(self._leave, self._served()))

    def _runs(self) -> list[tuple[Stopper, Run]]:
        """Runs without an outcome, of all namespaces, each with what stops it."""
        executors = [each.executor for each in self._served()]
        return [(executor.stopper, run) for executor in executors for run in executor.runs.by_job.values()]

    async def _leave(self, served: Drained) -> None:
        try:
            await within(LAST_SECONDS, served.leave())
        except (TriageError, TimeoutError):
            log.warning("not_deregistered")

    async def _wait_for_a_run(self, seconds: float, *others: asyncio.Event) -> None:
        """Wait until a run has concluded or one of the other events is set."""
        self._concluded.clear()
        waits = [asyncio.ensure_future(event.wait()) for event in (self._concluded, *others)]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        await end(waits)
