"""The limiter that handlers share: exact, in order, and with few calls to Redis."""

import heapq
import random

import pytest

from service.store.namespace import Namespace
from tests.store.times import START

pytestmark = pytest.mark.anyio


async def history(store: Namespace, limit: int, per_ms: int, arrivals: list[int]) -> tuple[list[int], int]:
    """When each caller passed, in ms, and the number of calls; callers retry when the reply says so."""
    asks = [(ms, number) for number, ms in enumerate(arrivals)]
    heapq.heapify(asks)
    passed: list[int] = []
    asked = 0
    while asks:
        ms, number = heapq.heappop(asks)
        store.scripts.now = str(START + ms)
        wait = await store.limiters.acquire("crm", limit, per_ms, f"lim_{number}")
        asked += 1
        if wait <= 0:
            passed.append(ms)
        else:
            heapq.heappush(asks, (ms + max(1, round(wait * 1000)), number))
    return passed, asked


@pytest.mark.parametrize(("limit", "per_ms"), [(1, 100), (3, 1_000), (10, 700)])
async def test_no_window_holds_more_and_nothing_is_wasted(store: Namespace, limit: int, per_ms: int) -> None:
    dice = random.Random(limit)
    passed, asked = await history(store, limit, per_ms, [dice.randrange(50) for _ in range(60)])
    for first, last in zip(passed, passed[limit:], strict=False):
        assert last - first >= per_ms
    assert passed[-1] <= (60 // limit) * per_ms + 100
    assert asked <= 3 * 60


async def test_a_caller_that_does_not_come_back_costs_a_second(store: Namespace) -> None:
    store.scripts.now = str(START)
    assert await store.limiters.acquire("crm", 1, 100, "lim_1") == 0
    assert await store.limiters.acquire("crm", 1, 100, "lim_gone") == pytest.approx(0.1)
    assert await store.limiters.acquire("crm", 1, 100, "lim_2") == pytest.approx(0.2)
    store.scripts.now = str(START + 200)
    assert await store.limiters.acquire("crm", 1, 100, "lim_2") > 0
    store.scripts.now = str(START + 1_200)
    assert await store.limiters.acquire("crm", 1, 100, "lim_2") == 0
