"""Limits of queues, limit keys and fan-outs, read from recorded start histories of two workers."""

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.support.factories import (
    BROKEN,
    HOPELESS,
    LATER,
    OK,
    claim,
    finish,
    limit,
    new_id,
    state_of,
    submit,
)

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000
HOUR = 3_600_000


def at(ms: int) -> str:
    return str(START + ms)


@pytest.fixture
async def frozen(stores: Namespace) -> Namespace:
    """Stores at START: time moves where a test says so."""
    stores.scripts.now = at(0)
    return stores


async def jobs(stores: Namespace, count: int, **fields: Any) -> list[str]:
    return [await submit(stores, **fields) for _ in range(count)]


async def limit_fan_out(stores: Namespace, id: str, concurrency: int) -> None:
    """What create_fan_out.lua writes for a fan-out with max_concurrency."""
    redis: Any = stores.scripts.redis
    await redis.hset(keys.limiters(stores.scripts.prefix), f"fan:{id}", concurrency)


async def starts(stores: Namespace, times: range, slots: int = 3, ends: bool = True) -> list[int]:
    """The history of two workers that claim in turn: the time of each start."""
    history: list[int] = []
    for turn, ms in enumerate(times):
        stores.scripts.now = at(ms)
        leases = (await claim(stores, slots, worker=f"wk_{turn % 2}")).leases
        history += [ms] * len(leases)
        for lease in leases if ends else ():
            await finish(stores, lease, OK)
    return history


def assert_rate(history: list[int], limit: int, per: int) -> None:
    for first, last in zip(history, history[limit:], strict=False):
        assert last - first >= per, f"{limit + 1} starts within {last - first} ms"


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
    """Claims when it was told to, some milliseconds late, and keeps the microsecond of every start."""

    def __init__(self, stores: Namespace, late: Callable[[], int]) -> None:
        self._stores, self._late = stores, late
        self.starts: list[int] = []
        self.claims = 0

    async def until(self, ms: int) -> None:
        now = 0
        while now < ms:
            answer = await claim(self._stores, 50, now=at(now))
            self.claims += 1
            self.starts += [now * 1000 + lease.starts_in_us for lease in answer.leases]
            assert answer.due_in_us is not None
            now += math.ceil(answer.due_in_us / 1000) + self._late()


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
    # Never ahead of the evenly spaced slots, and no claim for each of many slots.
    interval = per_ms * 1000 / limit_
    assert all(at_us >= slot * interval for slot, at_us in enumerate(worker.starts))
    assert worker.claims <= min(expected, seconds * 250) + 5


async def test_a_smooth_rate_makes_up_for_nothing_after_a_pause(frozen: Namespace) -> None:
    """Jobs that waited for another reason than a late worker do not start together."""
    await limit(frozen, rate_limit=RateLimit(100, 1_000, smooth=True))
    await jobs(frozen, 20)
    assert len((await claim(frozen, 1)).leases) == 1
    leases = (await claim(frozen, 20, now=at(60_000))).leases
    assert [lease.starts_in_us for lease in leases] == [0]
    later = await claim(frozen, 20, now=at(60_030))
    # 30 ms late: the three slots that went by, and none is ahead of its time.
    assert [lease.starts_in_us for lease in later.leases] == [0, 0, 0]


async def test_what_starts_ahead_is_dated_at_its_slot(frozen: Namespace) -> None:
    await limit(frozen, rate_limit=RateLimit(1, 50, smooth=True))
    await jobs(frozen, 2)
    await claim(frozen, 1)
    early = await claim(frozen, 1, now=at(44))
    assert (early.leases, early.due_in_us) == ([], 1_000)
    again = [await claim(frozen, 1, now=at(47), request_id="cl_same") for _ in range(2)]
    for answer in again:
        lease = answer.leases[0]
        assert (lease.job.started_at, lease.starts_in_us) == (START + 50, 3_000)


@pytest.mark.parametrize("smooth", [False, True])
async def test_new_settings_forget_no_start(frozen: Namespace, smooth: bool) -> None:
    """They open the limiter; what has started before still counts."""
    await limit(frozen, rate_limit=RateLimit(1, 1_000, smooth))
    await jobs(frozen, 3)
    assert await starts(frozen, range(0, 1)) == [0]
    await limit(frozen, rate_limit=RateLimit(1, 1_000, smooth), max_concurrency=50)
    assert await starts(frozen, range(100, 1_100, 100)) == [1_000]


async def test_a_claim_says_when_a_rate_lets_the_next_job_start(frozen: Namespace) -> None:
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


async def ends(stores: Namespace, lease: Lease, how: str) -> None:
    """Every way out of `running`."""
    match how:
        case "finish" | "retry" | "bury" | "snooze" | "drain":
            outcome = {
                "finish": OK,
                "retry": BROKEN,
                "bury": HOPELESS,
                "snooze": LATER,
                "drain": Interrupted(),
            }
            assert await finish(stores, lease, outcome[how]) == "moved"
        case "cancel":
            await stores.jobs.cancel([lease.job.id], 0)
            await stores.leases.sweep()
        case _:
            for _ in range(2):
                stores.scripts.now = str(int(stores.scripts.now) + HOUR)
                await stores.leases.rescue(15_000)


ENDS = ("finish", "retry", "bury", "snooze", "drain", "cancel", "crash")


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("scope", ["queue", "key", "fan"])
async def test_every_end_of_a_run_frees_its_slot(frozen: Namespace, scope: str, how: str) -> None:
    fields: dict[str, Any] = {"limit_key": "acme"} if scope == "key" else {}
    if scope == "queue":
        await limit(frozen, max_concurrency=2)
    elif scope == "key":
        await limit(frozen, per_key=KeyLimits(max_concurrency=2))
    else:
        await limit_fan_out(frozen, "fan_1", 2)
        frozen.scripts.now = at(0)
    await jobs(frozen, 6, **fields) if scope != "fan" else await fan_jobs(frozen, 6)
    running = (await claim(frozen, 5, worker="wk_1")).leases
    assert len(running) == 2
    assert (await claim(frozen, 5, worker="wk_2")).leases == []
    await ends(frozen, running[0], how)
    freed = 2 if how == "crash" else 1
    assert len((await claim(frozen, 5, worker="wk_2")).leases) == freed
    assert (await claim(frozen, 5, worker="wk_1")).leases == []


async def fan_jobs(stores: Namespace, count: int, fan: str = "fan_1") -> list[str]:
    """Jobs of a fan-out as its own script makes them: paused in between, so that no claim sees half of it."""
    redis: Any = stores.scripts.redis
    ids = [await submit(stores, delay_ms=1) for _ in range(count)]
    for id in ids:
        await redis.hset(f"{stores.scripts.prefix}job:{id}", "group", fan)
    stores.scripts.now = str(int(stores.scripts.now) + 1)
    return ids


@pytest.mark.parametrize("key", [None, "acme"])
async def test_a_claim_that_took_all_it_could_says_that_jobs_are_left(
    frozen: Namespace, key: str | None
) -> None:
    await limit(frozen, max_concurrency=10, rate_limit=RateLimit(10, 1_000), per_key=KeyLimits(10))
    await jobs(frozen, 3, limit_key=key)
    assert [(await claim(frozen, 1)).more for _ in range(3)] == [True, True, False]


async def test_limits_hold_together(frozen: Namespace) -> None:
    await limit(frozen, max_concurrency=3, per_key=KeyLimits(max_concurrency=2))
    await jobs(frozen, 5, limit_key="acme")
    await jobs(frozen, 5, limit_key="other")
    leases = (await claim(frozen, 10)).leases
    assert sorted(lease.job.limit_key or "" for lease in leases) in (
        ["acme", "acme", "other"],
        ["acme", "other", "other"],
    )


async def test_a_key_has_the_limits_of_its_queue_unless_it_has_its_own(frozen: Namespace) -> None:
    keys = {
        "big": KeyOverride(max_concurrency=4),
        "unbound": KeyOverride(max_concurrency=None),
        "free": KeyOverride(None, None),
        "slow": KeyOverride(None, RateLimit(1, 1_000)),
    }
    await limit(frozen, per_key=KeyLimits(1, RateLimit(5, 1_000)), keys=keys)
    expected = {"small": 1, "big": 4, "unbound": 5, "free": 6, "slow": 1}
    for key in expected:
        await jobs(frozen, 6, limit_key=key)
    started = Counter(lease.job.limit_key for lease in (await claim(frozen, 30)).leases)
    assert started == expected


async def test_each_key_has_a_rate_of_its_own(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(rate_limit=RateLimit(2, 1_000)))
    for key in ("a", "b", "c"):
        await jobs(frozen, 5, limit_key=key)
    assert len((await claim(frozen, 20)).leases) == 6
    assert (await claim(frozen, 20)).leases == []
    assert len((await claim(frozen, 20, now=at(1_000))).leases) == 6


async def test_new_limits_count_at_once(frozen: Namespace) -> None:
    await limit(frozen, max_concurrency=1, per_key=KeyLimits(max_concurrency=1))
    await jobs(frozen, 6, limit_key="acme")
    assert len((await claim(frozen, 6)).leases) == 1
    await limit(frozen, max_concurrency=4)
    assert (await claim(frozen, 6)).leases == []
    await limit(frozen, per_key=KeyLimits(max_concurrency=3))
    assert len((await claim(frozen, 6)).leases) == 2
    await limit(frozen, per_key=None, max_concurrency=None)
    assert len((await claim(frozen, 6)).leases) == 3


async def test_limited_jobs_hold_up_nobody(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(max_concurrency=1))
    for key in range(60):
        await jobs(frozen, 2, limit_key=f"key-{key}")
    # A claim starts a bounded number of jobs with limits, and says that there are more.
    first, second = await claim(frozen, 100), await claim(frozen, 100)
    assert (len(first.leases), first.more, len(second.leases)) == (50, True, 10)
    free = await submit(frozen, limit_key="late")
    for slots in (1, 5):
        leases = (await claim(frozen, slots)).leases
        assert [lease.job.id for lease in leases] == ([free] if slots == 1 else [])


async def test_a_lane_that_is_found_closed_is_put_away(frozen: Namespace) -> None:
    """Else each claim would find it again: of the two types of a key the other one closed it."""
    await limit(frozen, per_key=KeyLimits(max_concurrency=1))
    types = {"work": None, "other": None}
    for name in types:
        await submit(frozen, name=name, limit_key="acme")
    lease = (await claim(frozen, 1, types=types)).leases[0]
    redis: Any = frozen.scripts.redis
    lines = [f"{frozen.scripts.prefix}ready:{name}" for name in types]
    assert (await claim(frozen, 1, types=types)).leases == []
    assert await redis.exists(*lines) == 0
    assert await finish(frozen, lease, OK) == "moved"
    assert await redis.exists(*lines) == 1
    assert len((await claim(frozen, 1, types=types)).leases) == 1


async def test_closed_lanes_take_new_jobs_and_lose_cancelled_ones(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(max_concurrency=1))
    first, second = await jobs(frozen, 2, limit_key="acme")
    lease = (await claim(frozen, 2)).leases[0]
    assert lease.job.id == first
    urgent = await submit(frozen, limit_key="acme", priority=1)
    await frozen.jobs.cancel([second], 0)
    assert (await claim(frozen, 2)).leases == []
    await finish(frozen, lease, OK)
    assert [lease.job.id for lease in (await claim(frozen, 2)).leases] == [urgent]
    assert await state_of(frozen, second) == State.CANCELLED


async def test_a_slot_that_is_freed_wakes_a_worker_that_can_use_it(frozen: Namespace) -> None:
    redis: Any = frozen.scripts.redis
    prefix = frozen.scripts.prefix
    await limit(frozen, max_concurrency=1, per_key=KeyLimits(max_concurrency=1))
    await jobs(frozen, 2, limit_key="acme")
    lease = (await claim(frozen, 2)).leases[0]
    await redis.hset(f"{prefix}pools", mapping={"able": ",default,|,work,", "other": ",elsewhere,|,work,"})
    await redis.delete(f"{prefix}wake:pool")
    await finish(frozen, lease, OK)
    assert await redis.exists(f"{prefix}wake:able") == 1
    assert await redis.exists(f"{prefix}wake:other") == 0


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


async def test_a_full_fan_out_leaves_the_rest_of_its_queue_alone(frozen: Namespace) -> None:
    await limit_fan_out(frozen, "fan_1", 2)
    await fan_jobs(frozen, 50)
    others = await jobs(frozen, 3)
    leases = (await claim(frozen, 20)).leases
    assert len(leases) == 5
    assert {lease.job.id for lease in leases} >= set(others)


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
