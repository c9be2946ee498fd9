"""Weighted queues: whose turn it is when several workers claim one job at a time."""

from collections import Counter
from collections.abc import Mapping

import pytest

from service.store.namespace import Namespace
from tests.support.factories import OK, Worker, claim, finish, limit, submit

pytestmark = pytest.mark.anyio

WEIGHTS = {"critical": 6, "default": 3, "bulk": 1}


def crew(store: Namespace, weights: Mapping[str, int], count: int = 2) -> list[Worker]:
    return [Worker(store, weights, f"wk_{number}") for number in range(count)]


async def history(store: Namespace, workers: list[Worker], claims: int, slots: int = 1) -> list[str]:
    """The queue of every start, in order."""
    taken: list[str] = []
    for turn in range(claims):
        for lease in (await workers[turn % len(workers)].claim(slots)).leases:
            taken.append(lease.job.queue)
            await finish(store, lease, OK)
    return taken


async def fill(store: Namespace, queues: list[str], count: int) -> None:
    for queue in queues:
        for _ in range(count):
            await submit(store, queue=queue)


@pytest.mark.parametrize("workers", [1, 2, 7])
async def test_shares_hold_over_600_single_claims(store: Namespace, workers: int) -> None:
    await fill(store, list(WEIGHTS), 380)
    taken = Counter(await history(store, crew(store, WEIGHTS, workers), 600))
    for queue, weight in WEIGHTS.items():
        assert abs(taken[queue] - 60 * weight) <= 30


@pytest.mark.parametrize("slots", [8, 20, 50, 100])
async def test_large_claims_keep_the_shares(store: Namespace, slots: int) -> None:
    """Within 5 points of 600 starts."""
    await fill(store, list(WEIGHTS), 460)
    taken = Counter(await history(store, crew(store, WEIGHTS), 600 // slots, slots))
    for queue, weight in WEIGHTS.items():
        assert abs(taken[queue] / taken.total() - weight / 10) <= 0.05


@pytest.mark.parametrize(("idle", "busy"), [("critical", "bulk"), ("bulk", "critical")])
async def test_a_queue_without_jobs_for_a_worker_does_not_catch_up(
    store: Namespace, idle: str, busy: str
) -> None:
    weights = {"critical": 6, "bulk": 1}
    workers = crew(store, weights, 1)
    for _ in range(40):
        await submit(store, queue=idle, name="unknown-here")
    await fill(store, [busy], 60)
    assert Counter(await history(store, workers, 30)) == {busy: 30}
    await fill(store, [idle], 60)
    taken = await history(store, workers, 28)
    for end in range(7, 28, 7):
        assert taken[:end].count("bulk") == pytest.approx(end / 7, abs=1)


async def test_queues_behind_the_star_share_equally(store: Namespace) -> None:
    await fill(store, ["a", "b", "c", "d"], 60)
    taken = Counter(await history(store, crew(store, {"a": 2, "*": 1}), 100))
    assert taken["a"] == pytest.approx(40, abs=2)
    assert all(taken[queue] == pytest.approx(20, abs=2) for queue in "bcd")


async def test_the_share_of_an_idle_queue_goes_to_the_others(store: Namespace) -> None:
    await fill(store, ["default", "bulk"], 60)
    workers = crew(store, WEIGHTS)
    assert Counter(await history(store, workers, 60))["default"] == pytest.approx(45, abs=2)
    # An idle queue does not catch up on turns that it did not use.
    await fill(store, ["critical"], 60)
    assert Counter(await history(store, workers, 20))["critical"] == pytest.approx(12, abs=1)


async def test_the_share_of_a_limited_or_paused_queue_goes_to_the_others(store: Namespace) -> None:
    await fill(store, list(WEIGHTS), 40)
    await limit(store, "critical", max_concurrency=1)
    await limit(store, "default", paused=True)
    assert len((await claim(store, queues={"critical": 1})).leases) == 1
    assert Counter(await history(store, crew(store, WEIGHTS, 1), 20)) == {"bulk": 20}


async def test_a_job_that_does_not_start_costs_its_queue_no_turn(store: Namespace) -> None:
    for _ in range(30):
        await submit(store, queue="critical", expires_ms=1)
    await fill(store, list(WEIGHTS), 40)
    store.scripts.now = str((await claim(store, types={"other": None})).now_ms + 1_000)
    taken = Counter(await history(store, crew(store, WEIGHTS, 1), 60))
    assert taken["critical"] >= taken["default"]
