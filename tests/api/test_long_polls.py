"""A long poll without HTTP: how often it checks that its credentials are still valid."""

import asyncio

import pytest

from service.api.requests.long_polls import Waiting, until
from service.store.changes.change_feed import Change
from service.tasks import end
from tests.support.manual_clock import ManualClock

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("wakes_after", [0.5, 30.0])
async def test_credentials_are_checked_every_two_seconds_however_often_it_wakes(
    monkeypatch: pytest.MonkeyPatch, wakes_after: float
) -> None:
    clock, changed, checks = ManualClock(), Change(), list[float]()
    began = clock.monotonic()

    async def check() -> None:
        checks.append(clock.monotonic() - began)

    async def read() -> str:
        return "unchanged"

    async def wait(_: Waiting, seconds: float) -> None:
        clock.advance(min(seconds, wakes_after))
        if seconds > wakes_after:
            changed.set()

    monkeypatch.setattr(Waiting, "wait", wait)
    gone = asyncio.create_task(asyncio.Event().wait())
    try:
        waiting = Waiting(changed, gone, check)  # type: ignore[arg-type]
        assert await until(read, waiting, 7.0, lambda _: False, clock) == "unchanged"
    finally:
        await end([gone])
    assert checks == [2.0, 4.0, 6.0]
