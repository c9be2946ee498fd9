"""Rates of queues and keys, read from recorded start histories of two workers."""

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, RateLimit
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.store.limited import assert_rate, at, jobs, starts
from tests.store.times import START
from tests.support.factories import claim, limit, new_id

pytestmark = pytest.mark.anyio


async def test_no_window_ever_holds_more_starts_than_the_rate_of_a_queue(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(5, 1_000))
    await jobs(frozen, 60)
    history = await starts(frozen, range(0, 6_000, 130))
    assert_rate(history, 5, 1_000)
    assert len(history) == 30
    assert history[:5] == [0, 0, 0, 130, 130]


async def test_a_smooth_rate_spaces_its_starts(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(4, 1_000, smooth=True))
    await jobs(frozen, 20)
    history = await starts(frozen, range(0, 3_000, 50))
    assert history == list(range(0, 3_000, 250))


class SmoothWorker:
    """Claims when the last reply says so, some milliseconds late, and records each start in microseconds."""

    def __init__(self, store: Namespace, late: Callable[[], int]) -> None:
        self._stores, self._late = store, late
        self.starts: list[int] = []
        self.claims = 0

    async def until(self, ms: int) -> None:
        now = 0
        while now < ms:
            response = await claim(self._stores, 50, now=at(now))
            self.claims += 1
            self.starts += [now * 1000 + lease.starts_in_us for lease in response.leases]
            assert response.due_in_us is not None
            now += math.ceil(response.due_in_us / 1000) + self._late()


@pytest.mark.parametrize(
    ("limit_", "per_ms", "latest"),
    [(1, 1_000, 4), (10, 1_000, 20), (100, 1_000, 12), (1_000, 1_000, 9), (1, 50, 4), (1, 10, 4)],
)
async def test_a_smooth_rate_reaches_its_limit_although_workers_are_late(
    frozen: Namespace, limit_: int, per_ms: int, latest: int
) -> None:
    seconds = 2 if limit_ * 1000 // per_ms >= 100 else 5
    await limit(frozen, rate_limit=RateLimit(limit_, per_ms, smooth=True))
    expected = seconds * 1000 * limit_ // per_ms
    await frozen.jobs.submit([Submission(new_id(), JobSpec("work")) for _ in range(expected + 100)])
    dice = random.Random(limit_)
    worker = SmoothWorker(frozen, lambda: dice.randrange(latest + 1))
    await worker.until(seconds * 1000)
    begun = [at_us for at_us in worker.starts if at_us < seconds * 1_000_000]
    assert len(begun) >= expected * 0.97
    assert_rate(worker.starts, limit_, per_ms * 1000)
    # No start is ahead of its evenly spaced slot, and one claim serves many slots.
    interval = per_ms * 1000 / limit_
    assert all(at_us >= slot * interval for slot, at_us in enumerate(worker.starts))
    assert worker.claims <= min(expected, seconds * 250) + 5


async def test_a_smooth_rate_makes_up_for_nothing_after_a_pause(frozen: Namespace) -> None:
    """Jobs that were not delayed by a late worker do not start together."""
    await limit(frozen, rate_limit=RateLimit(100, 1_000, smooth=True))
    await jobs(frozen, 20)
    assert len((await claim(frozen, 1)).leases) == 1
    leases = (await claim(frozen, 20, now=at(60_000))).leases
    assert [lease.starts_in_us for lease in leases] == [0]
    later = await claim(frozen, 20, now=at(60_030))
    # 30 ms late: three slots have passed, and no job starts ahead of its time.
    assert [lease.starts_in_us for lease in later.leases] == [0, 0, 0]


async def test_a_start_ahead_of_time_is_dated_at_its_slot(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 50, smooth=True))
    await jobs(frozen, 2)
    await claim(frozen, 1)
    early = await claim(frozen, 1, now=at(44))
    assert (early.leases, early.due_in_us) == ([], 1_000)
    again = [await claim(frozen, 1, now=at(47), request_id="cl_same") for _ in range(2)]
    for response in again:
        lease = response.leases[0]
        assert (lease.job.started_at, lease.starts_in_us) == (START + 50, 3_000)


@pytest.mark.parametrize("smooth", [False, True])
async def test_new_settings_forget_no_start(frozen: Namespace, smooth: bool) -> None:
    """They open the limiter, but earlier starts still count."""
    await limit(frozen, rate_limit=RateLimit(1, 1_000, smooth))
    await jobs(frozen, 3)
    assert await starts(frozen, range(0, 1)) == [0]
    await limit(frozen, rate_limit=RateLimit(1, 1_000, smooth), max_concurrency=50)
    assert await starts(frozen, range(100, 1_100, 100)) == [1_000]


async def test_a_claim_returns_when_a_rate_lets_the_next_job_start(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 1_000))
    await jobs(frozen, 3)
    assert len((await claim(frozen, 3, now=at(400))).leases) == 1
    waiting = await claim(frozen, 3, now=at(500))
    assert (waiting.leases, waiting.due_in_us, waiting.more) == ([], 900_000, False)
    assert len((await claim(frozen, 3, now=at(1_400))).leases) == 1


async def test_a_rate_is_not_charged_for_a_job_that_does_not_start(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(2, 1_000))
    await jobs(frozen, 3, expires_ms=10)
    late = await jobs(frozen, 2)
    leases = (await claim(frozen, 2, now=at(10))).leases
    leases += (await claim(frozen, 2, now=at(10))).leases
    leases += (await claim(frozen, 2, now=at(10))).leases
    assert [lease.job.id for lease in leases] == late


async def test_each_key_has_its_own_rate(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(rate_limit=RateLimit(2, 1_000)))
    for key in ("a", "b", "c"):
        await jobs(frozen, 5, limit_key=key)
    assert len((await claim(frozen, 20)).leases) == 6
    assert (await claim(frozen, 20)).leases == []
    assert len((await claim(frozen, 20, now=at(1_000))).leases) == 6


async def test_a_rate_that_held_jobs_back_is_counted(frozen: Namespace) -> None:
    redis: Any = frozen.scripts.redis
    await limit(frozen, rate_limit=RateLimit(1, 1_000), max_concurrency=50)
    await jobs(frozen, 2)
    await starts(frozen, range(0, 2_000, 500))
    assert await redis.hget(f"{frozen.scripts.prefix}counters", "rate_limited:default") == b"1"
    await limit(frozen, rate_limit=None, per_key=KeyLimits(rate_limit=RateLimit(1, 1_000)))
    await jobs(frozen, 3, limit_key="acme")
    await starts(frozen, range(3_000, 7_000, 500))
    assert await redis.hget(f"{frozen.scripts.prefix}counters", "rate_limited:default") == b"3"


async def test_random_starts_of_two_workers_never_exceed_a_rate(frozen: Namespace) -> None:
    dice = random.Random(4)
    await limit(frozen, rate_limit=RateLimit(7, 900))
    await jobs(frozen, 200)
    ms, history = 0, list[int]()
    while ms < 15_000:
        ms += dice.randrange(1, 260)
        history += await starts(frozen, range(ms, ms + 1), slots=dice.randrange(1, 9))
    assert_rate(history, 7, 900)
    assert len(history) >= 7 * 14
