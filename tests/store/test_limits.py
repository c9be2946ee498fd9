"""Limits of queues, limit keys and fan-outs: how many jobs run at once, and which ones wait."""

from collections import Counter
from typing import Any

import pytest

from service.domain.job import Lease
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.store.limited import at, jobs
from tests.support.factories import BROKEN, HOPELESS, LATER, OK, claim, finish, limit, state_of, submit

pytestmark = pytest.mark.anyio


HOUR = 3_600_000


async def limit_fan_out(store: Namespace, id: str, concurrency: int) -> None:
    """The fields that create_fan_out.lua writes for a fan-out with max_concurrency."""
    redis: Any = store.scripts.redis
    await redis.hset(keys.limiters(store.scripts.prefix), f"fan:{id}", concurrency)


async def ends(store: Namespace, lease: Lease, how: str) -> None:
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
            assert await finish(store, lease, outcome[how]) == "moved"
        case "cancel":
            await store.jobs.cancel([lease.job.id], 0)
            await store.leases.expire_jobs()
        case _:
            for _ in range(2):
                store.scripts.now = str(int(store.scripts.now) + HOUR)
                await store.leases.rescue(15_000)


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


async def fan_jobs(store: Namespace, count: int, fan: str = "fan_1") -> list[str]:
    """Jobs of a fan-out, scheduled until all have their group, so that no claim sees half of them."""
    redis: Any = store.scripts.redis
    ids = [await submit(store, delay_ms=1) for _ in range(count)]
    for id in ids:
        key = f"{store.scripts.prefix}job:{id}"
        await redis.hset(key, "traits", b"default|work||||" + fan.encode())
    store.scripts.now = str(int(store.scripts.now) + 1)
    return ids


@pytest.mark.parametrize("key", [None, "acme"])
async def test_a_claim_that_filled_its_slots_reports_that_jobs_are_left(
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


async def test_new_limits_apply_at_once(frozen: Namespace) -> None:
    await limit(frozen, max_concurrency=1, per_key=KeyLimits(max_concurrency=1))
    await jobs(frozen, 6, limit_key="acme")
    assert len((await claim(frozen, 6)).leases) == 1
    await limit(frozen, max_concurrency=4)
    assert (await claim(frozen, 6)).leases == []
    await limit(frozen, per_key=KeyLimits(max_concurrency=3))
    assert len((await claim(frozen, 6)).leases) == 2
    await limit(frozen, per_key=None, max_concurrency=None)
    assert len((await claim(frozen, 6)).leases) == 3


async def test_limited_jobs_delay_no_others(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(max_concurrency=1))
    for key in range(60):
        await jobs(frozen, 2, limit_key=f"key-{key}")
    # A claim starts a limited number of jobs with limits, and reports that there are more.
    claims = [await claim(frozen, 100) for _ in range(3)]
    assert [len(each.leases) for each in claims] == [20, 20, 20]
    assert claims[0].more
    free = await submit(frozen, limit_key="late")
    for slots in (1, 5):
        leases = (await claim(frozen, slots)).leases
        assert [lease.job.id for lease in leases] == ([free] if slots == 1 else [])


async def test_a_lane_found_closed_is_taken_out_of_the_line(frozen: Namespace) -> None:
    """The other type of the key closed it, so every claim would otherwise find it again."""
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


async def test_a_full_fan_out_leaves_the_rest_of_its_queue_alone(frozen: Namespace) -> None:
    await limit_fan_out(frozen, "fan_1", 2)
    await fan_jobs(frozen, 50)
    others = await jobs(frozen, 3)
    leases = (await claim(frozen, 20)).leases
    assert len(leases) == 5
    assert {lease.job.id for lease in leases} >= set(others)
