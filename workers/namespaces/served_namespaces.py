"""The namespaces that a worker serves: fixed ones, and those in the registry that match a pattern."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from service.domain.errors import TriageError
from service.namespace_weights import NamespaceWeights
from service.tasks import end
from service.telemetry import logs
from workers.namespaces.served_namespace import HeartbeatThread, ServedNamespace

#: The interval between reads of the registry, in seconds: a minimum, and a random part on top.
REFRESH, JITTER = 5.0, 1.0
#: Namespaces that start at a time, and for how long their duties begin to work, in seconds per namespace.
STARTS, SPREAD = 8, 0.02

log = structlog.get_logger("triage.namespaces")


@dataclass(frozen=True, slots=True)
class Start:
    """How to start to work in a namespace."""

    thread: HeartbeatThread
    burst: bool
    #: Whether subprocesses can import the handlers.
    importable: bool


class ServedNamespaces:
    """Serves namespaces as they come and go. One on a server that does not respond delays no other."""

    def __init__(
        self,
        weights: NamespaceWeights,
        create: Callable[[str, int], ServedNamespace],
        read_names: Callable[[], Awaitable[list[str]]],
        drain_started: asyncio.Event,
    ) -> None:
        """`read_names` reads the registry."""
        self._weights = weights
        self._create = create
        self._read_names = read_names
        self._drain_started = drain_started
        self.current: dict[str, ServedNamespace] = {}
        self._joining: dict[str, asyncio.Task[None]] = {}
        self._leaving: dict[str, asyncio.Task[None]] = {}
        self._serving: dict[str, asyncio.Task[None]] = {}
        # Many at a time would wait for connections longer than a call may take.
        self._starting = asyncio.Semaphore(STARTS)
        self._failing = False
        for name, weight in weights.names.items():
            self.current[name] = create(name, weight)

    async def join(self) -> None:
        """Register the worker. Returns when it is registered somewhere, or when the drain begins."""
        draining = asyncio.create_task(self._drain_started.wait())
        try:
            while self._weights.patterns and not self._drain_started.is_set() and not await self._refresh():
                await asyncio.wait({draining}, timeout=random.random() + 0.5)
            for name in self.current:
                self._join(name)
            if self._joining:
                joining = [*self._joining.values(), draining]
                await asyncio.wait(joining, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await end([draining])

    async def work(self, start: Start) -> None:
        """Serve the namespaces until cancelled; with `burst`, until nothing is left to do in any of them.

        Raises what a claim loop raises, which is a bug.
        """
        for name in self.current:
            self._serve(name, start)
        follows = bool(self._weights.patterns) and not start.burst
        try:
            while self._serving or follows:
                pause = REFRESH + JITTER * random.random() if follows else None
                await self._wait_for_an_end(pause)
                if follows and await self._refresh():
                    for name in self.current.keys() - self._joining.keys():
                        self._join(name)
                        self._serve(name, start)
        finally:
            await end([*self._joining.values(), *self._leaving.values(), *self._serving.values()])

    async def _wait_for_an_end(self, seconds: float | None) -> None:
        """Wait until nothing is left to do in one of the namespaces, or for so long."""
        if not self._serving:
            await asyncio.sleep(seconds or 0.0)
            return
        tasks = [*self._serving.values()]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for name, task in list(self._serving.items()):
            if task.done():
                del self._serving[name]
                if not task.cancelled():
                    task.result()

    def last_claim_at(self, now: float) -> float:
        """When the namespace was claimed from that waits longest for it, on the monotonic clock."""
        registered = [
            self.current[name]
            for name, joining in self._joining.items()
            if joining.done() and name not in self._leaving
        ]
        return min((served.claimer.last_claim_at for served in registered), default=now)

    def _join(self, name: str) -> None:
        work = self.current[name].registration.join(self._drain_started)
        self._joining[name] = asyncio.create_task(work)

    def _serve(self, name: str, start: Start) -> None:
        self._serving[name] = asyncio.create_task(self._work(name, start))

    async def _work(self, name: str, start: Start) -> None:
        if self._weights.several:
            # Of this task and all that it starts.
            logs.IDS.set({"namespace": name})
        await asyncio.wait({self._joining[name]})
        served = self.current[name]
        async with self._starting:
            if self._drain_started.is_set():
                return
            spread = SPREAD * (len(self.current) - 1)
            await served.start(start.thread, burst=start.burst, importable=start.importable, spread=spread)
        if self._weights.several:
            log.info("namespace_served")
        if served.claims is not None:
            await asyncio.wait({served.claims})
            served.claims.result()

    async def _refresh(self) -> bool:
        """Follow the registry; False if it cannot be read."""
        try:
            wanted = self._weights.among(await self._read_names())
        except TriageError as error:
            if not self._failing:
                log.warning("namespaces_not_read", code=error.code)
            self._failing = True
            return False
        self._failing = False
        for name, weight in wanted.items():
            if name not in self.current:
                self.current[name] = self._create(name, weight)
        for name in self.current.keys() - wanted.keys() - self._leaving.keys():
            log.info("namespace_left", namespace=name)
            self._leaving[name] = asyncio.create_task(self._leave(name))
        return True

    async def _leave(self, name: str) -> None:
        # If it has only begun to start, it goes no further.
        await end([task for task in (self._serving.get(name), self._joining.get(name)) if task is not None])
        await self.current[name].withdraw()
        for tasks in (self._joining, self._leaving):
            tasks.pop(name, None)
        del self.current[name]
