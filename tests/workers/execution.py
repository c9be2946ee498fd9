"""An executor without a server that keeps the finishes of its runs and the reports of its handlers."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import orjson

from service.clock import Clock
from service.domain.outcome import Settlement
from service.domain.retry import RetryPolicy
from service.settings import Settings
from service.store.leases import Finish
from tests.support.eventually import eventually
from tests.workers.reporting import Notes, lease
from workers.engine.executor import Contexts, Executor, Handlers, RunTelemetry
from workers.engine.runs.active_runs import ActiveRuns, FinishPolicy, FinishQueue, RunObservers
from workers.engine.runs.run import Run
from workers.engine.runs.runners import Runners
from workers.engine.runs.slots import Slots
from workers.engine.runs.tracing import RunTracing
from workers.engine.shares import Share, Shares
from workers.handling.registry import Registry
from workers.telemetry.metrics import Metrics


def build_executor(
    settings: Settings,
    registry: Registry,
    runners: Runners,
    contexts: Contexts,
    finishes: FinishQueue,
    slots: Share | None = None,
) -> Executor:
    """An executor with its own metrics and without tracing."""
    clock, tracing = Clock(), RunTracing(None)
    policy = FinishPolicy.of(settings, "wk_1", random=lambda: 0.5)
    runs = ActiveRuns(clock, policy, finishes, RunObservers(registry.hooks, tracing))
    handlers = Handlers(registry, runners, contexts)
    return Executor(settings, clock, handlers, runs, RunTelemetry(Metrics(), tracing), slots)


class Execution:
    """An executor with the handlers of tests.workers.stoppable."""

    def __init__(self, **settings: Any) -> None:
        self.settings = Settings(redis_url="redis://127.0.0.1:1", **settings)
        registry = Registry.load(["tests.workers.stoppable"])
        self.runners = Runners(self.settings, registry)
        self.notes = Notes()
        self.finishes: list[Finish] = []
        contexts = Contexts({}, self.notes, lambda lease: cast(Any, None))
        self.slots = Slots(Clock(), self.settings.concurrency)
        share = Shares(self.slots).join()
        self.executor = build_executor(self.settings, registry, self.runners, contexts, self, share)
        self.runs = self.executor.runs.by_job
        self.stopper = self.executor.stopper

    @property
    def pending(self) -> list[Finish]:
        return []

    def add(self, finish: Finish) -> None:
        self.finishes.append(finish)

    async def begin(
        self, name: str, id: str = "job_1", attempts: int = 9, begun: str = "begun", **payload: Any
    ) -> Run:
        """A run whose handler has reported that it began."""
        run = self.start(name, id, attempts, **payload)
        await self.logged(begun)
        return run

    def start(
        self,
        name: str,
        id: str = "job_1",
        attempts: int = 9,
        timeout_ms: int = 60_000,
        deadline_at: int | None = None,
        **payload: Any,
    ) -> Run:
        given = lease(id)
        job = replace(
            given.job,
            name=name,
            payload=orjson.dumps(payload),
            retry=RetryPolicy(attempts, delay_ms=1),
            timeout_ms=timeout_ms,
            deadline_at=deadline_at,
        )
        self.executor.start(replace(given, job=job), 0)
        return self.runs[id]

    async def logged(self, line: str, times: int = 1) -> None:
        def said() -> None:
            assert self.notes.logged.count(line) >= times, self.notes.logged

        await eventually(said, 20)

    async def settled(self, count: int = 1) -> Settlement:
        """The outcome of the `count`-th run to conclude."""

        def there() -> Settlement:
            assert len(self.finishes) >= count
            return self.finishes[count - 1].settlement

        return await eventually(there, 20)

    async def free(self, slots: int) -> None:
        """Wait, as the claimer does, until this many slots are free; without a wake-up it takes too long."""
        async with asyncio.timeout(20):
            while self.slots.free < slots:
                self.slots.freed.clear()
                await self.slots.freed.wait()
