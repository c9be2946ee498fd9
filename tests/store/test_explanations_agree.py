"""Explanations and claims agree: a job that nothing holds back is the one that the next claim takes."""

import random

import pytest

from service.domain.job import Lease
from service.domain.limits import KeyLimits, KeyOverride, RateLimit
from service.domain.outcome import Throttled
from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import BROKEN, OK, claim, finish, limit, register_worker, submit

pytestmark = pytest.mark.anyio

NOT_IN_THE_WAY = {"ready", "jobs_ahead"}


async def configure(store: Namespace, dice: random.Random) -> None:
    def rate() -> RateLimit | None:
        return dice.choice(
            [None, RateLimit(dice.randint(1, 3), dice.choice([200, 900]), dice.random() < 0.3)]
        )

    def most() -> int | None:
        return dice.choice([None, 1, 3])

    await limit(
        store,
        paused=dice.random() < 0.1,
        paused_job_types={"work"} if dice.random() < 0.1 else set[str](),
        max_concurrency=most(),
        rate_limit=rate(),
        per_key=KeyLimits(most(), rate()),
        keys={"a": dice.choice([KeyOverride(), KeyOverride(most(), rate())])},
    )


async def free(store: Namespace, ids: set[str]) -> set[str]:
    """The queued ones of these jobs that nothing holds back."""
    found: set[str] = set()
    for id in ids:
        explained = await store.explanations.of(id)
        assert explained is not None
        job, explanation = explained
        if job.state == "queued" and {cause.code for cause in explanation.causes} <= NOT_IN_THE_WAY:
            found.add(id)
    return found


@pytest.mark.parametrize("seed", range(6))
async def test_a_claim_takes_one_of_those_that_nothing_holds_back(store: Namespace, seed: int) -> None:
    dice = random.Random(seed)
    await register_worker(store, job_types=("work", "other"), capacity=1_000)
    ids: set[str] = set()
    running: list[Lease] = []
    taken = refused = 0
    for turn in range(60):
        store.scripts.now = str(START + turn * 70)
        if turn % 15 == 0:
            await configure(store, dice)
        for _ in range(dice.randint(0, 2)):
            key, name = dice.choice([None, "a", "b"]), dice.choice(["work", "other"])
            ids.add(await submit(store, name=name, limit_key=key, priority=dice.randint(99, 101)))
        while running and dice.random() < 0.5:
            lease = running.pop(dice.randrange(len(running)))
            await finish(store, lease, dice.choice([OK, OK, BROKEN, Throttled(0)]))
        expected = await free(store, ids)
        leases = (await claim(store, types={"work": None, "other": None})).leases
        assert bool(leases) == bool(expected), turn
        assert {lease.job.id for lease in leases} <= expected, turn
        running += leases
        taken, refused = taken + len(leases), refused + (not leases)
    assert taken > 5
    assert refused > 5
