"""When every slot is held by runs that do not end: how long a worker waits, and what it reports meanwhile."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.manual_clock import ManualClock
from workers.engine.runs.slots import Slot, Slots
from workers.process.stuck_slots import StuckSlots
from workers.telemetry.metrics import ProcessMetrics

pytestmark = pytest.mark.anyio


class Watched:
    """Two slots, one of which is stuck."""

    def __init__(self, patience: float = 600) -> None:
        self.clock: Any = ManualClock()
        self.slots = Slots(self.clock, 2)
        self.metrics = ProcessMetrics()
        self.abandoned = 0
        self.watch = StuckSlots(self.slots, self.metrics, patience, self._abandon)
        self.stick()

    def _abandon(self) -> None:
        self.abandoned += 1

    def stick(self) -> Slot:
        slot = self.slots.acquire(f"job_{self.slots.used}", "work")
        self.slots.mark_stuck(slot)
        return slot

    def tick(self, seconds: float = 0.25) -> int:
        self.clock.advance(seconds)
        self.watch.check(self.clock.monotonic())
        return self.abandoned

    def gauges(self) -> list[float | None]:
        names = ("triage_worker_stuck_slots", "triage_worker_capacity", "triage_worker_running")
        return [self.metrics.registry.get_sample_value(name) for name in names]


async def test_a_worker_waits_before_it_exits_and_logs_it_once() -> None:
    it = Watched(patience=600)
    with capture_logs() as lines:
        it.tick(10_000)
        it.stick()
        assert [it.tick(), it.tick(599), it.tick(2)] == [0, 0, 1]
    assert [line["event"] for line in lines] == ["all_slots_are_stuck"]
    assert (lines[0]["slots"], lines[0]["ends_in_seconds"]) == (2, 600)


async def test_a_freed_slot_restarts_the_wait() -> None:
    it = Watched(patience=600)
    slot = it.stick()
    it.tick()
    it.tick(599)
    slot.release()
    with capture_logs() as lines:
        it.tick()
        it.stick()
        assert [it.tick(), it.tick(599), it.tick(2)] == [0, 0, 1]
    assert [line["event"] for line in lines] == ["slots_are_free_again", "all_slots_are_stuck"]


async def test_without_patience_a_worker_exits_at_once() -> None:
    it = Watched(patience=0)
    assert it.tick() == 0
    it.stick()
    assert it.tick() == 1


async def test_the_gauges_tell_stuck_slots_from_running_ones() -> None:
    it = Watched()
    it.tick()
    assert it.gauges() == [1, 1, 0]
    running = it.slots.acquire("job_2", "work")
    it.tick()
    assert it.gauges() == [1, 1, 1]
    it.slots.mark_stuck(running)
    it.tick()
    assert it.gauges() == [2, 0, 0]
