"""Weighted queues: whose turn it is when several workers take one job at a time."""

from collections import Counter

import pytest

from service.store.stores import Stores
from tests.factories import OK, claim, finish, limit, submit
from workers.shares import Shares

pytestmark = pytest.mark.anyio

WEIGHTS = {"critical": 6, "default": 3, "bulk": 1}


async def history(stores: Stores, workers: list[Shares], claims: int, slots: int = 1) -> list[str]:
    """The queue of every start, in order."""
    taken: list[str] = []
    for turn in range(claims):
        shares = workers[turn % len(workers)]
        answer = await claim(stores, slots, worker=f"wk_{turn % len(workers)}", queues=shares.asked())
        shares.learn(answer.credits)
        for lease in answer.leases:
            taken.append(lease.job.queue)
            await finish(stores, lease, OK)
    return taken


async def fill(stores: Stores, queues: list[str], count: int) -> None:
    for queue in queues:
        for _ in range(count):
            await submit(stores, queue=queue)


@pytest.mark.parametrize("workers", [1, 2, 7])
async def test_shares_hold_over_600_single_claims(stores: Stores, workers: int) -> None:
    await fill(stores, list(WEIGHTS), 380)
    taken = Counter(await history(stores, [Shares(WEIGHTS) for _ in range(workers)], 600))
    for queue, weight in WEIGHTS.items():
        assert abs(taken[queue] - 60 * weight) <= 30


async def test_queues_behind_the_star_share_alike(stores: Stores) -> None:
    await fill(stores, ["a", "b", "c", "d"], 60)
    taken = Counter(await history(stores, [Shares({"a": 2, "*": 1}), Shares({"a": 2, "*": 1})], 100))
    assert taken["a"] == pytest.approx(40, abs=2)
    assert all(taken[queue] == pytest.approx(20, abs=2) for queue in "bcd")


async def test_the_share_of_an_idle_queue_goes_to_the_others(stores: Stores) -> None:
    await fill(stores, ["default", "bulk"], 60)
    workers = [Shares(WEIGHTS), Shares(WEIGHTS)]
    assert Counter(await history(stores, workers, 60))["default"] == pytest.approx(45, abs=2)
    # What was idle does not catch up on what it did not ask for.
    await fill(stores, ["critical"], 60)
    assert Counter(await history(stores, workers, 20))["critical"] == pytest.approx(12, abs=1)


async def test_the_share_of_a_limited_or_paused_queue_goes_to_the_others(stores: Stores) -> None:
    await fill(stores, list(WEIGHTS), 40)
    await limit(stores, "critical", max_concurrency=1)
    await limit(stores, "default", paused=True)
    assert len((await claim(stores, queues={"critical": (1, 0)})).leases) == 1
    assert Counter(await history(stores, [Shares(WEIGHTS)], 20)) == {"bulk": 20}


async def test_a_job_that_does_not_start_costs_its_queue_no_turn(stores: Stores) -> None:
    for _ in range(30):
        await submit(stores, queue="critical", expires_ms=1)
    await fill(stores, list(WEIGHTS), 40)
    stores.scripts.now = str((await claim(stores, types={"other": None})).now_ms + 1_000)
    taken = Counter(await history(stores, [Shares(WEIGHTS)], 60))
    assert taken["critical"] >= taken["default"]
