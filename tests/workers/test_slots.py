"""Slots: held by runs and their leftovers, and freed on every path."""

import pytest

from service.clock import Clock
from tests.support.manual_clock import ManualClock
from workers.engine.runs.slots import Slots

pytestmark = pytest.mark.anyio


async def test_a_slot_is_free_when_its_last_holder_has_let_go() -> None:
    slots = Slots(Clock(), 2)
    slot = slots.acquire("job_1", "work")
    slot.retain()
    freed = slot.freed()
    slot.release()
    assert (slots.free, slots.used, slots.of_type("work"), slots.of_job("job_1")) == (1, 1, 1, slot)
    assert (slots.freed.is_set(), freed.done()) == (False, False)
    slot.release()
    assert (slots.free, slots.used, slots.of_type("work"), slots.of_job("job_1")) == (2, 0, 0, None)
    assert slots.freed.is_set()
    assert freed.done()
    assert slot.freed().done()


async def test_a_stuck_slot_counts_until_it_is_free() -> None:
    slots = Slots(Clock(), 2)
    slot = slots.acquire("job_1", "work")
    for _ in range(2):
        slots.mark_stuck(slot)
    assert slots.stuck == 1
    slot.release()
    assert slots.stuck == 0


async def test_two_runs_of_a_job_hold_a_slot_each() -> None:
    slots = Slots(Clock(), 2)
    first, second = (slots.acquire("job_1", "work") for _ in range(2))
    assert (slots.free, slots.of_job("job_1")) == (0, second)
    first.release()
    assert (slots.free, slots.of_job("job_1"), slots.of_type("work")) == (1, second, 1)
    second.release()
    assert (slots.free, slots.of_job("job_1"), slots.of_type("work")) == (2, None, 0)


async def test_slots_are_free_since_the_first_of_them_was() -> None:
    clock = ManualClock()
    slots = Slots(clock, 2)
    held = [slots.acquire(f"job_{number}", "work") for number in range(2)]
    clock.advance(60)
    held[0].release()
    since = clock.monotonic()
    clock.advance(60)
    held[1].release()
    assert slots.free_since == since
