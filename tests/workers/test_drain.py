"""Draining: running jobs finish or are handed back, and then the worker leaves."""

import asyncio
import threading
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.workers.execution import Execution
from tests.workers.stoppable import GATES
from workers.engine import drain as module
from workers.engine.drain import Drain

pytestmark = pytest.mark.anyio


class Draining:
    """A drain of an executor whose claim loop ends when stopped; `events` records the order of the steps."""

    def __init__(self, seconds: float) -> None:
        self.execution = Execution(concurrency=2)
        self.events: list[str] = []
        self._claims_stopped = asyncio.Event()
        claimer: Any = SimpleNamespace(stop=self._claims_stopped.set)
        completer: Any = SimpleNamespace(flush=self._flush)
        executor = self.execution.executor
        self.served: Any = SimpleNamespace(
            claimer=claimer, executor=executor, completer=completer, claims=None, leave=self._leave
        )
        self.drain = Drain(seconds, lambda: [self.served], executor.draining, executor.runs.concluded)

    async def _flush(self, seconds: float) -> bool:
        self.events.append(f"flush {[finish.settlement.move.name for finish in self.execution.finishes]}")
        return True

    async def _leave(self) -> None:
        self.events.append("leave")

    def start(self) -> asyncio.Task[None]:
        async def claims() -> None:
            await self._claims_stopped.wait()

        self.served.claims = asyncio.create_task(claims())
        return asyncio.create_task(self.drain.work())


@pytest.fixture
async def gate() -> AsyncIterator[threading.Event]:
    GATES["gate"] = threading.Event()
    yield GATES["gate"]
    GATES.pop("gate").set()


async def test_a_run_that_ends_in_time_is_finished_and_then_the_worker_leaves(gate: threading.Event) -> None:
    it = Draining(60)
    await it.execution.begin("deaf-thread", gate="gate")
    it.drain.begin("a test")
    work = it.start()
    assert it.execution.executor.draining.is_set()
    gate.set()
    await asyncio.wait_for(work, 20)
    assert it.events == ["flush ['complete']", "leave"]


@pytest.mark.parametrize("hurry", [False, True])
async def test_a_run_that_takes_too_long_is_stopped_and_handed_back(hurry: bool) -> None:
    it = Draining(60 if hurry else 0)
    await it.execution.begin("in-loop")
    it.drain.begin("a test")
    it.drain.begin("again", hurry=hurry)
    await asyncio.wait_for(it.start(), 20)
    assert it.execution.notes.logged[-1] == "draining: None"
    assert it.events == ["flush ['requeue']", "leave"]


async def test_a_run_that_ignores_the_drain_is_abandoned_and_keeps_its_slot(
    gate: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_GRACE", 0.02)
    it = Draining(0)
    await it.execution.begin("deaf-thread", gate="gate")
    it.drain.begin("a test")
    await asyncio.wait_for(it.start(), 20)
    assert it.events == ["flush ['requeue']", "leave"]
    assert (it.execution.runs, it.execution.slots.used) == ({}, 1)
    gate.set()
    await it.execution.free(2)
