"""Order and fairness between limit keys, read from recorded start histories of two workers."""

from collections import Counter
from itertools import groupby
from typing import Any

import pytest

from service.domain.limits import KeyLimits, RateLimit
from service.domain.outcome import Interrupted
from service.store.namespace import Namespace
from tests.support.factories import BROKEN, OK, claim, finish, limit, submit

pytestmark = pytest.mark.anyio

MINUTE = 60_000


def go_on(store: Namespace, ms: int) -> None:
    store.scripts.now = str(int(store.scripts.now) + ms)


async def jobs(store: Namespace, count: int, **fields: Any) -> list[str]:
    return [await submit(store, **fields) for _ in range(count)]


async def history(store: Namespace, count: int, slots: int = 1, step: int = 10) -> list[str]:
    """The limit key of every start; two workers claim alternately and finish at once."""
    taken: list[str] = []
    turn = 0
    while len(taken) < count:
        turn += 1
        response = await claim(store, slots, worker=f"wk_{turn % 2}")
        if not response.leases:
            break
        taken += [lease.job.limit_key or "" for lease in response.leases]
        for lease in response.leases:
            await finish(store, lease, OK)
        go_on(store, step)
    return taken


@pytest.mark.parametrize("slots", [1, 10])
async def test_a_tenant_with_many_jobs_delays_a_quiet_one_by_one_start(frozen: Namespace, slots: int) -> None:
    await jobs(frozen, 200, limit_key="loud")
    await history(frozen, 50, slots)
    go_on(frozen, MINUTE)
    await submit(frozen, limit_key="quiet")
    assert (await history(frozen, 20, slots)).index("quiet") <= 1


@pytest.mark.parametrize("slots", [1, 7])
async def test_busy_tenants_take_turns(frozen: Namespace, slots: int) -> None:
    for number in range(5):
        await jobs(frozen, 40, limit_key=f"key-{number}")
        go_on(frozen, MINUTE)
    taken = await history(frozen, 100, slots)
    for end in range(10, 100, 10):
        counts = [taken[:end].count(f"key-{number}") for number in range(5)]
        assert max(counts) - min(counts) <= 1, taken[:end]


async def test_a_flood_without_a_key_delays_a_tenant_by_one_start(frozen: Namespace) -> None:
    await jobs(frozen, 60, name="work")
    await jobs(frozen, 60, name="other")
    go_on(frozen, MINUTE)
    await jobs(frozen, 10, limit_key="quiet")
    taken: list[str] = []
    for turn in range(20):
        leases = (await claim(frozen, 1, worker=f"wk_{turn % 2}", types={"work": None, "other": None})).leases
        taken.append(leases[0].job.limit_key or "")
        go_on(frozen, 5)
    assert taken.index("quiet") <= 1
    assert taken.count("quiet") == 10


async def test_jobs_without_a_key_take_turns_inside_a_claim_as_well(frozen: Namespace) -> None:
    await jobs(frozen, 10)
    go_on(frozen, MINUTE)
    await jobs(frozen, 10, limit_key="quiet")
    taken = [lease.job.limit_key for lease in (await claim(frozen, 7)).leases]
    assert taken == [None, "quiet", None, "quiet", None, "quiet", None]


async def test_an_expired_job_gives_its_lane_no_second_turn(frozen: Namespace) -> None:
    await submit(frozen, limit_key="a")
    await submit(frozen, limit_key="a", priority=90, expires_ms=MINUTE, delay_ms=MINUTE + 10)
    await submit(frozen, limit_key="a")
    go_on(frozen, MINUTE // 2)
    await submit(frozen, limit_key="b")
    go_on(frozen, MINUTE // 2)
    # The job that is due later and more urgent moves its lane to the front, but has expired by then.
    assert await history(frozen, 1, step=MINUTE) == ["a"]
    assert await history(frozen, 2) == ["b", "a"]


async def test_a_turn_ends_with_an_expired_job(frozen: Namespace) -> None:
    await submit(frozen, limit_key="a", expires_ms=1_000)
    go_on(frozen, 20_000)
    await submit(frozen, limit_key="b")
    go_on(frozen, 20_000)
    await submit(frozen, limit_key="a")
    assert await history(frozen, 2, slots=60) == ["b", "a"]


async def test_an_urgent_job_does_not_wait_for_its_tenants_turn(frozen: Namespace) -> None:
    await jobs(frozen, 50, limit_key="loud")
    await jobs(frozen, 50, limit_key="other")
    await history(frozen, 20)
    await submit(frozen, limit_key="loud", priority=1)
    await history(frozen, 1)
    urgent = await frozen.queries.job(await submit(frozen, limit_key="loud", priority=1))
    assert urgent is not None
    assert [lease.job.id for lease in (await claim(frozen)).leases] == [urgent.id]


async def test_the_order_inside_a_key_is_the_order_of_its_jobs(frozen: Namespace) -> None:
    late = await jobs(frozen, 3, limit_key="acme", priority=200)
    first = await jobs(frozen, 3, limit_key="acme", priority=100)
    leases = [(await claim(frozen, 2, worker=f"wk_{turn % 2}")).leases for turn in range(3)]
    assert [lease.job.id for found in leases for lease in found] == first + late


async def test_a_less_urgent_job_is_overtaken_no_longer_than_its_aging(frozen: Namespace) -> None:
    await limit(frozen, priority_aging_ms=1_000)
    await submit(frozen, priority=110, limit_key="patient")
    waited = 0
    while True:
        await submit(frozen, priority=100, limit_key="urgent")
        await submit(frozen, priority=100, limit_key="urgent")
        if await history(frozen, 1, step=0) == ["patient"]:
            break
        go_on(frozen, 500)
        waited += 500
    assert 10_000 <= waited <= 10_500


async def test_without_keys_the_starvation_bound_is_exact(frozen: Namespace) -> None:
    await limit(frozen, priority_aging_ms=1_000)
    patient = await submit(frozen, priority=103)
    overtakers = []
    for _ in range(8):
        go_on(frozen, 500)
        overtakers.append(await submit(frozen, priority=100))
    order = [lease.job.id for lease in (await claim(frozen, 9)).leases]
    assert order.index(patient) == 5
    assert order[:5] == overtakers[:5]


async def test_strict_priority_stays_strict_between_keys(frozen: Namespace) -> None:
    await limit(frozen, priority_aging_ms=None)
    await jobs(frozen, 5, limit_key="patient", priority=500)
    go_on(frozen, 1_000 * MINUTE)
    await jobs(frozen, 20, limit_key="urgent", priority=499)
    assert await history(frozen, 25) == ["urgent"] * 20 + ["patient"] * 5


async def test_a_million_due_in_one_second_come_in_batches_that_wake_each_other(frozen: Namespace) -> None:
    for _ in range(250):
        await submit(frozen, delay_ms=1_000)
    go_on(frozen, 1_000)
    first = await claim(frozen, 1)
    assert (len(first.leases), first.due_in_us) == (1, 0)
    queue = await frozen.queues.get("default")
    assert queue is not None
    assert queue.counts["scheduled"] == 150  # type: ignore[index]
    redis: Any = frozen.scripts.redis
    assert await redis.exists(f"{frozen.scripts.prefix}wake:pool") == 1


async def _retry(store: Namespace, id: str) -> None:
    await finish(store, (await claim(store)).leases[0], BROKEN)
    go_on(store, MINUTE)


async def _requeue(store: Namespace, id: str) -> None:
    await finish(store, (await claim(store)).leases[0], Interrupted())


async def _rescue(store: Namespace, id: str) -> None:
    await claim(store)
    for _ in range(2):
        go_on(store, 60 * MINUTE)
        await store.leases.rescue(15_000)


async def _redrive(store: Namespace, id: str) -> None:
    await store.jobs.cancel([id], 0)
    await store.jobs.redrive([id])


async def _promotion(store: Namespace, id: str) -> None:
    await store.jobs.update(id, run_at_ms=int(store.scripts.now) + 1_000)
    go_on(store, 1_000)


async def _run_now(store: Namespace, id: str) -> None:
    await store.jobs.update(id, run_at_ms=int(store.scripts.now) + 60 * MINUTE)
    await store.jobs.run_now(id)


async def _patch(store: Namespace, id: str) -> None:
    await store.jobs.update(id, priority=900)
    await store.jobs.update(id, priority=5)


async def _resume(store: Namespace, id: str) -> None:
    await limit(store, paused=True)
    assert (await claim(store)).leases == []
    await limit(store, paused=False)


PATHS = [_retry, _requeue, _rescue, _redrive, _promotion, _run_now, _patch, _resume]


@pytest.mark.parametrize("key", [None, "acme"])
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__[1:])
async def test_priority_survives(frozen: Namespace, path: Any, key: str | None) -> None:
    urgent = await submit(frozen, priority=5, limit_key=key)
    await path(frozen, urgent)
    await jobs(frozen, 3, priority=50, limit_key=key)
    other = await submit(frozen, priority=50, limit_key="other")
    leases = (await claim(frozen, 5)).leases
    assert leases[0].job.id == urgent
    assert leases[0].job.priority == 5
    assert {lease.job.id for lease in leases} >= {other}


@pytest.mark.parametrize(("slots", "turn"), [(7, 1), (16, 2), (50, 6), (100, 6)])
async def test_a_large_claim_takes_several_jobs_of_a_key_in_a_turn(
    frozen: Namespace, slots: int, turn: int
) -> None:
    for key in ("a", "b", "c", "d"):
        await jobs(frozen, 30, limit_key=key)
    taken = [lease.job.limit_key or "" for lease in (await claim(frozen, slots)).leases]
    for key in ("a", "b", "c", "d"):
        assert abs(taken.count(key) - len(taken) / 4) <= turn
    # A new key waits for one turn of each of the others.
    go_on(frozen, MINUTE)
    await submit(frozen, limit_key="quiet")
    assert (await history(frozen, 4 * turn + 1, slots=1)).index("quiet") <= 4
    later = [lease.job.limit_key for lease in (await claim(frozen, slots)).leases]
    assert max(len(list(run)) for _, run in groupby(later)) <= turn


async def test_a_turn_ends_before_a_job_that_is_less_urgent(frozen: Namespace) -> None:
    for _ in range(2):
        await submit(frozen, limit_key="a", priority=100)
    for _ in range(4):
        await submit(frozen, limit_key="a", priority=101)
    for _ in range(4):
        await submit(frozen, limit_key="b", priority=100)
    taken = [lease.job for lease in (await claim(frozen, 60)).leases]
    assert [job.limit_key for job in taken] == ["a", "a", "b", "b", "b", "b", "a", "a", "a", "a"]


async def test_a_turn_ends_where_a_limit_does(frozen: Namespace) -> None:
    await limit(frozen, per_key=KeyLimits(2, RateLimit(3, 1_000)))
    for key in ("a", "b"):
        await jobs(frozen, 5, limit_key=key)
    for expected in ({"a": 2, "b": 2}, {"a": 1, "b": 1}):
        leases = (await claim(frozen, 50)).leases
        assert Counter(lease.job.limit_key for lease in leases) == expected
        for lease in leases:
            await finish(frozen, lease, OK)
