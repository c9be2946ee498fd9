"""Weighted queues: whose turn it is when several workers claim one job at a time."""

from collections import Counter
from collections.abc import Mapping

import pytest

from service.store.namespace import Namespace
from tests.support.factories import OK, Worker, claim, finish, limit, submit

pytestmark = pytest.mark.anyio

WEIGHTS = {"critical": 6, "default": 3, "bulk": 1}


def crew(stores: Namespace, weights: Mapping[str, int], count: int = 2) -> list[Worker]:
    return [Worker(stores, weights, f"wk_{number}") for number in range(count)]


async def history(stores: Namespace, workers: list[Worker], claims: int, slots: int = 1) -> list[str]:
    """The queue of every start, in order."""
    taken: list[str] = []
    for turn in range(claims):
        for lease in (await workers[turn % len(workers)].claim(slots)).leases:
            taken.append(lease.job.queue)
            await finish(stores, lease, OK)
    return taken


async def fill(stores: Namespace, queues: list[str], count: int) -> None:
    for queue in queues:
        for _ in range(count):
            await submit(stores, queue=queue)


@pytest.mark.parametrize("workers", [1, 2, 7])
async def test_shares_hold_over_600_single_claims(stores: Namespace, workers: int) -> None:
    await fill(stores, list(WEIGHTS), 380)
    taken = Counter(await history(stores, crew(stores, WEIGHTS, workers), 600))
    for queue, weight in WEIGHTS.items():
        assert abs(taken[queue] - 60 * weight) <= 30


@pytest.mark.parametrize("slots", [8, 20, 50, 100])
async def test_large_claims_keep_the_shares(stores: Namespace, slots: int) -> None:
    """Within 5 points of 600 starts."""
    await fill(stores, list(WEIGHTS), 460)
    taken = Counter(await history(stores, crew(stores, WEIGHTS), 600 // slots, slots))
    for queue, weight in WEIGHTS.items():
        assert abs(taken[queue] / taken.total() - weight / 10) <= 0.05


@pytest.mark.parametrize(("idle", "busy"), [("critical", "bulk"), ("bulk", "critical")])
async def test_a_queue_without_jobs_for_a_worker_does_not_catch_up(
    stores: Namespace, idle: str, busy: str
) -> None:
    weights = {"critical": 6, "bulk": 1}
    workers = crew(stores, weights, 1)
    for _ in range(40):
        await submit(stores, queue=idle, name="unknown-here")
    await fill(stores, [busy], 60)
    assert Counter(await history(stores, workers, 30)) == {busy: 30}
    await fill(stores, [idle], 60)
    taken = await history(stores, workers, 28)
    for end in range(7, 28, 7):
        assert taken[:end].count("bulk") == pytest.approx(end / 7, abs=1)


async def test_queues_behind_the_star_share_equally(stores: Namespace) -> None:
    await fill(stores, ["a", "b", "c", "d"], 60)
    taken = Counter(await history(stores, crew(stores, {"a": 2, "*": 1}), 100))
    assert taken["a"] == pytest.approx(40, abs=2)
    assert all(taken[queue] == pytest.approx(20, abs=2) for queue in "bcd")


async def test_the_share_of_an_idle_queue_goes_to_the_others(stores: Namespace) -> None:
    await fill(stores, ["default", "bulk"], 60)
    workers = crew(stores, WEIGHTS)
    assert Counter(await history(stores, workers, 60))["default"] == pytest.approx(45, abs=2)
    # An idle queue does not catch up on turns that it did not use.
    await fill(stores, ["critical"], 60)
    assert Counter(await history(stores, workers, 20))["critical"] == pytest.approx(12, abs=1)


async def test_the_share_of_a_limited_or_paused_queue_goes_to_the_others(stores: Namespace) -> None:
    await fill(stores, list(WEIGHTS), 40)
    await limit(stores, "critical", max_concurrency=1)
    await limit(stores, "default", paused=True)
    assert len((await claim(stores, queues={"critical": 1})).leases) == 1
    assert Counter(await history(stores, crew(stores, WEIGHTS, 1), 20)) == {"bulk": 20}


async def test_a_job_that_does_not_start_costs_its_queue_no_turn(stores: Namespace) -> None:
    for _ in range(30):
        await submit(stores, queue="critical", expires_ms=1)
    await fill(stores, list(WEIGHTS), 40)
    stores.scripts.now = str((await claim(stores, types={"other": None})).now_ms + 1_000)
    taken = Counter(await history(stores, crew(stores, WEIGHTS, 1), 60))
    assert taken["critical"] >= taken["default"]
