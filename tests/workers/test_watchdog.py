"""What a process writes before it exits because a handler blocks its event loop."""

import os
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest

from service.store.leases import Finish
from tests.support.manual_clock import ManualClock
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.arq.hooks import Hooks
from workers.engine.runs.active_runs import ActiveRuns, FinishPolicy, RunObservers
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.tracing import RunTracing
from workers.engine.watchdog import BLOCKED_AFTER, EXIT_BLOCKED, Watchdog

pytestmark = pytest.mark.anyio


class Ended(BaseException):
    """Raised instead of exiting the process, with the exit status."""


class Queue:
    pending: tuple[Finish, ...] = ()

    def add(self, finish: Finish) -> None:
        raise AssertionError("the event loop is blocked")


class Watched:
    def __init__(self) -> None:
        self.clock: Any = ManualClock()
        policy = FinishPolicy("wk_1", random=lambda: 0.5)
        queue: Any = Queue()
        self.runs = ActiveRuns(self.clock, policy, queue, RunObservers(Hooks(), RunTracing(None)))
        self.watchdog = Watchdog(self.clock)
        self.watchdog.watch(self.runs, self._finish)
        self.written: dict[str, Finish] = {}

    def _finish(self, finishes: Sequence[Finish]) -> None:
        self.written = {finish.lease.job.id: finish for finish in finishes}

    def add(self, id: str, timeout: float, state: RunState = RunState.RUNNING) -> None:
        nothing: Any = None
        run_times = times(timeout, self.clock.monotonic())
        self.runs.add(Run(lease(id), nothing, context(Notes()), slot(), run_times, state))


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    def end(status: int) -> NoReturn:
        raise Ended(status)

    monkeypatch.setattr(os, "_exit", end)
    return Watched()


async def test_only_the_run_that_blocks_the_event_loop_fails_and_lost_ones_are_left_out(
    watched: Watched,
) -> None:
    watched.add("blocks", 1)
    watched.add("innocent", 600)
    watched.add("late", 600, RunState.TIMED_OUT)
    watched.add("lost", 600, RunState.LEASE_LOST)
    watched.clock.advance(120)
    with pytest.raises(Ended) as ended:
        watched.watchdog.check()
    assert ended.value.args == (EXIT_BLOCKED,)
    moves = {id: finish.settlement.move.name for id, finish in watched.written.items()}
    assert moves == {"blocks": "retry", "innocent": "requeue", "late": "retry"}
    failure = watched.written["blocks"].settlement.failure
    assert failure is not None
    assert "blocked the event loop" in failure.message


async def test_a_loop_that_ticks_ends_its_overdue_runs_itself(watched: Watched) -> None:
    watched.add("overdue", 1)
    watched.clock.advance(120)
    watched.watchdog.tick(watched.clock.monotonic())
    watched.clock.advance(BLOCKED_AFTER - 0.1)
    watched.watchdog.check()
    assert watched.written == {}


async def test_a_blocked_loop_without_an_overdue_run_may_come_back(watched: Watched) -> None:
    watched.add("in time", 600)
    watched.clock.advance(120)
    watched.watchdog.check()
    assert watched.written == {}
