"""ctx.limiter and RateLimited, from a handler's point of view."""

import asyncio
import concurrent.futures
import math
from typing import Any

import pytest

from service.domain.outcome import Throttled
from service.store.namespace import Namespace
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.engine.runs.outcomes import of_exception
from workers.engine.runs.run import Run
from workers.handler import RateLimited
from workers.handling.shared_limits import SharedLimiters

pytestmark = pytest.mark.anyio


def throttle(store: Namespace, number: int) -> SharedLimiters:
    ids = iter(range(10_000))
    return SharedLimiters(store.limiters, lambda: f"lim_{number}_{next(ids)}")


async def test_handlers_of_two_workers_share_one_window(store: Namespace) -> None:
    contexts = [context(Notes(), limiters=throttle(store, number)) for number in range(2)]
    loop = asyncio.get_running_loop()
    passed: list[float] = []

    async def handler(ctx: Any) -> None:
        await ctx.limiter("crm", 3, 0.3).acquire()
        passed.append(loop.time())

    await asyncio.gather(*(handler(contexts[number % 2]) for number in range(10)))
    # Redis decides; this clock sees its replies slightly later, so a window may look that much shorter.
    for first, last in zip(passed, passed[3:], strict=False):
        assert last - first >= 0.2
    assert len(passed) == 10


async def test_a_handler_in_a_thread_waits_with_a_plain_call(store: Namespace) -> None:
    ctx = context(Notes(), limiters=throttle(store, 1))
    ctx.enter_thread()
    for _ in range(3):
        await asyncio.to_thread(lambda: ctx.limiter("crm", 1, 0.05).acquire())
    ctx.notify_cancel("cancelled")
    await store.limiters.acquire("slow", 1, 60_000, "lim_other")

    def wait() -> str:
        try:
            ctx.limiter("slow", 1, 60).acquire()
        except concurrent.futures.CancelledError:
            return "gave up"
        return "passed"

    assert await asyncio.to_thread(wait) == "gave up"


@pytest.mark.parametrize(("limit", "per_seconds"), [(0, 1), (1, 0), (1, math.inf)])
async def test_a_limit_of_zero_is_refused(store: Namespace, limit: int, per_seconds: float) -> None:
    with pytest.raises(ValueError, match="limiter"):
        throttle(store, 1).limiter("crm", limit, per_seconds)


async def test_a_rate_limited_run_is_throttled_for_at_most_an_hour() -> None:
    nothing: Any = None
    run = Run(lease(), nothing, context(Notes()), slot(), times())
    assert of_exception(run, RateLimited(2.5)) == Throttled(2_500)
    assert of_exception(run, RateLimited(10**9)) == Throttled(3_600_000)
    with pytest.raises(ValueError, match="RateLimited"):
        RateLimited(math.nan)
