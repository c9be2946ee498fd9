"""A duty keeps running, whatever it raises."""

import asyncio

import pytest
from structlog.testing import capture_logs

from service.domain.errors import BackendUnavailable
from service.tasks import end
from tests.support.eventually import eventually
from workers.maintenance import periodic
from workers.maintenance.periodic import repeat

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("error", [BackendUnavailable(), ValueError("a bug, or damaged data")])
async def test_a_duty_that_fails_is_logged_once_and_repeated(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(periodic, "AGAIN", 0.0)
    calls: list[int] = []

    async def duty() -> float:
        calls.append(len(calls))
        if len(calls) < 5:
            raise error
        return 0.0

    with capture_logs() as lines:
        task = asyncio.create_task(repeat("expire", duty))

        def again() -> None:
            assert len(calls) > 6

        await eventually(again)
        await end([task])
    assert [(line["event"], line["duty"]) for line in lines] == [("duty_failed", "expire")]
