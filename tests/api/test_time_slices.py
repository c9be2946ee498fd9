"""Long requests leave short ones half of the time, and take all of it when there are none."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import pytest

from service.api.time_slices import REST_SECONDS, SHORT_SECONDS, SLICE_SECONDS, RequestsInProgress

pytestmark = pytest.mark.anyio


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def requests(clock: Clock) -> RequestsInProgress:
    return RequestsInProgress(clock)


@contextlib.asynccontextmanager
async def another(requests: RequestsInProgress) -> AsyncGenerator[None]:
    """Another request in progress, in its own task."""
    began, ends = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        with requests.request():
            began.set()
            await ends.wait()

    task = asyncio.create_task(run())
    await began.wait()
    yield
    ends.set()
    await task


async def long_request(requests: RequestsInProgress) -> float:
    """The rest after the first slice of a request."""
    with requests.request():
        return requests.rest()


async def test_a_long_request_alone_does_not_rest(requests: RequestsInProgress) -> None:
    assert await asyncio.create_task(long_request(requests)) == 0


async def test_it_rests_as_long_as_it_ran_while_a_short_request_is_in_progress(
    requests: RequestsInProgress,
) -> None:
    async with another(requests):
        assert await asyncio.create_task(long_request(requests)) == pytest.approx(REST_SECONDS)
    assert await asyncio.create_task(long_request(requests)) == 0


async def test_all_long_requests_together_use_half_of_the_time(requests: RequestsInProgress) -> None:
    async with another(requests):
        rests = [await asyncio.create_task(long_request(requests)) for _ in range(4)]
    turn = SLICE_SECONDS + REST_SECONDS
    assert rests == pytest.approx([REST_SECONDS + number * turn for number in range(4)])


async def test_a_request_that_waits_for_something_is_not_a_short_one(
    requests: RequestsInProgress, clock: Clock
) -> None:
    async with another(requests):
        clock.now += 2 * SHORT_SECONDS
        assert await asyncio.create_task(long_request(requests)) == 0
        async with another(requests):
            assert await asyncio.create_task(long_request(requests)) > 0
