"""RateLimited freezes a limit key, or a queue, until its time, and costs the job nothing."""

import pytest

from service.domain.outcome import Throttled
from service.domain.states import State
from service.store.stores import Stores
from tests.factories import OK, claim, finish, limit, submit

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000


@pytest.fixture
async def frozen(stores: Stores) -> Stores:
    stores.scripts.now = str(START)
    return stores


def at(ms: int) -> str:
    return str(START + ms)


async def test_a_frozen_key_rests_until_its_time_and_the_job_goes_first_then(frozen: Stores) -> None:
    types = {"work": None, "other": None}
    first = await submit(frozen, limit_key="acme")
    lease = (await claim(frozen)).leases[0]
    second = await submit(frozen, limit_key="acme")
    third = await submit(frozen, limit_key="acme", name="other")
    free = await submit(frozen, limit_key="free")
    assert await finish(frozen, lease, Throttled(5_000)) == "moved"
    for worker in ("wk_1", "wk_2"):
        found = await claim(frozen, 5, worker, types=types)
        assert [lease.job.id for lease in found.leases] == ([free] if worker == "wk_1" else [])
        assert found.due_in_us == 5_000_000
    late = (await claim(frozen, 5, types=types, now=at(5_000))).leases
    assert {lease.job.id for lease in late} == {first, second, third}
    again = next(lease.job for lease in late if lease.job.id == first)
    assert (again.failures, again.interruptions, again.attempt, again.state) == (0, 0, 1, State.RUNNING)


async def test_a_job_without_a_key_freezes_its_queue(frozen: Stores) -> None:
    for _ in range(3):
        await submit(frozen)
    other = await submit(frozen, queue="elsewhere")
    lease = (await claim(frozen, queues={"default": 1})).leases[0]
    await finish(frozen, lease, Throttled(5_000))
    await submit(frozen)
    assert [lease.job.id for lease in (await claim(frozen, 9)).leases] == [other]
    assert len((await claim(frozen, 9, now=at(5_000))).leases) == 4


async def test_the_later_of_two_freezes_counts_and_a_freed_slot_does_not_end_it(frozen: Stores) -> None:
    await limit(frozen, max_concurrency=3)
    for _ in range(6):
        await submit(frozen)
    one, two, three = (await claim(frozen, 3)).leases
    await finish(frozen, one, Throttled(9_000))
    await finish(frozen, two, Throttled(2_000))
    await finish(frozen, three, OK)
    assert (await claim(frozen, 9, now=at(2_000))).leases == []
    assert (await claim(frozen, 9, now=at(8_999))).leases == []
    assert len((await claim(frozen, 9, now=at(9_000))).leases) == 3


async def test_new_settings_end_a_freeze(frozen: Stores) -> None:
    await submit(frozen, limit_key="acme")
    await finish(frozen, (await claim(frozen)).leases[0], Throttled(3_600_000))
    assert (await claim(frozen)).leases == []
    await limit(frozen, max_depth=None)
    assert len((await claim(frozen)).leases) == 1
