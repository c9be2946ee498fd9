"""Duties that sleep until something is due, and wake when something becomes due sooner."""

import asyncio

import pytest

from workers.maintenance.alarm import Alarm

pytestmark = pytest.mark.anyio


async def waited(alarm: Alarm, seconds: float) -> float:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await asyncio.wait_for(alarm.wait(seconds), 5)
    return loop.time() - begin


async def test_it_sleeps_for_as_long_as_was_asked() -> None:
    assert await waited(Alarm(), 0.05) >= 0.05


async def test_the_earliest_of_several_times_counts_while_it_sleeps() -> None:
    alarm = Alarm()
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, alarm.schedule_check, 30)
    loop.call_later(0.02, alarm.schedule_check, 0.05)
    loop.call_later(0.03, alarm.schedule_check, 20)
    assert 0.05 <= await waited(alarm, 60) < 2


async def test_a_time_announced_while_the_duty_works_is_kept_once() -> None:
    alarm = Alarm()
    alarm.schedule_check(0)
    assert await waited(alarm, 60) < 2
    assert await waited(alarm, 0.05) >= 0.05
