"""Random lives of fan-outs: chunks in any order and repeated, seals, cancels, retries, tolerance."""

import os
import random
from contextlib import nullcontext

import pytest

from service.clock import Clock
from service.domain.errors import InvalidState
from service.domain.fan_out import (
    MEMBERS,
    CountMismatch,
    FanOut,
    FanOutSealed,
    FanOutSpec,
    Item,
    Tolerance,
    follow_up_id,
    item_id,
)
from service.domain.ids import IdFactory, member_number
from service.domain.job import Lease
from service.domain.job_spec import JobSpec
from service.domain.outcome import Interrupted
from service.store.namespace import Namespace
from tests.store.fan_out_model import FINISHED, ModelFanOut
from tests.support import factories

pytestmark = pytest.mark.anyio

#: Fan-outs in a normal run; set FAN_OUTS and FAN_OUT_SEED to search longer or elsewhere.
FAN_OUTS = int(os.environ.get("FAN_OUTS", "60"))
FIRST_SEED = int(os.environ.get("FAN_OUT_SEED", "1"))
OUTCOMES = {"succeeded": factories.OK, "dead": factories.HOPELESS, "queued": Interrupted()}


class Life:
    """One fan-out, in the store and in the model; every step is applied to both and compared."""

    def __init__(
        self, store: Namespace, id: str, size: int, model: ModelFanOut, chance: random.Random
    ) -> None:
        self.store = store
        self.id = id
        self.size = size
        self.model = model
        self.chance = chance
        self.leases: dict[int, Lease] = {}
        self.then_runs = 0

    async def fill(self) -> None:
        first = self.chance.randrange(self.size)
        indexes = list(range(first, min(first + self.chance.randint(1, 5), self.size)))
        if self.chance.random() < 0.2:
            indexes += indexes[:1]
        before = len(self.model.items)
        added = self.model.fill(indexes)
        items = [Item(index, b"{}") for index in indexes]
        if added is None:
            with pytest.raises(FanOutSealed):
                await self.store.fan_outs.add_items(self.id, items)
            return
        filled = await self.store.fan_outs.add_items(self.id, items)
        assert filled.added == added
        assert filled.total == len(self.model.items) == before + added
        assert filled.next_index == self.model.next_index

    async def seal(self) -> None:
        expected = len(self.model.items) + self.chance.choice((0, 0, 1))
        with nullcontext() if self.model.seal(expected) else pytest.raises(CountMismatch):
            await self.store.fan_outs.seal(self.id, expected)

    async def claim(self) -> int:
        claim = await factories.claim(self.store, self.chance.randint(1, 4))
        for lease in claim.leases:
            index = member_number(self.id, lease.job.id) - 2
            assert self.model.items[index].state == "queued"
            self.model.items[index].state, self.model.items[index].started = "running", True
            self.leases[index] = lease
        return len(claim.leases)

    async def finish(self, index: int, target: str) -> None:
        lease = self.leases.pop(index)
        assert await factories.finish(self.store, lease, OUTCOMES[target]) in ("moved", "cancelled")
        if self.chance.random() < 0.3:
            assert await factories.finish(self.store, lease, factories.OK) in ("duplicate", "stale")
        self.model.end(index, target)

    async def follow(self) -> None:
        """Run the follow-up, if it may run."""
        leases = (await factories.claim(self.store, 5, types={"report": None})).leases
        assert [lease.job.id for lease in leases] == [follow_up_id(self.id)] * (self.model.then == "queued")
        for lease in leases:
            self.model.then = self.chance.choice(("succeeded", "succeeded", "dead"))
            assert await factories.finish(self.store, lease, OUTCOMES[self.model.then]) in (
                "moved",
                "cancelled",
            )
            ends = await self.store.dependencies.results(lease.job.id)
            assert ends["fan_out"].state == self.model.state

    async def step(self) -> None:
        act = self.chance.choices(
            ("fill", "seal", "claim", "finish", "follow", "item", "redrive", "cancel", "retry", "forget"),
            (6, 2, 5, 8, 1, 1, 1, 0.3, 0.6, 0.7),
        )[0]
        indexes = sorted(self.model.items)
        if act == "fill":
            await self.fill()
        elif act == "seal":
            await self.seal()
        elif act == "claim":
            await self.claim()
        elif act == "finish" and self.leases:
            index = self.chance.choice(sorted(self.leases))
            await self.finish(index, self.chance.choices(("succeeded", "dead", "queued"), (6, 3, 1))[0])
        elif act == "follow":
            await self.follow()
        elif act == "item" and indexes:
            index = self.chance.choice(indexes)
            await self.store.jobs.cancel([item_id(self.id, index)], 10**9)
            self.model.cancel_item(index)
        elif act == "redrive" and indexes:
            index = self.chance.choice(indexes)
            if (await self.store.jobs.redrive([item_id(self.id, index)]))[0].result == "moved":
                self.model.redrive(index)
        elif act == "cancel":
            with nullcontext() if self.model.cancel() else pytest.raises(InvalidState):
                await self.store.groups.request_cancel(self.id, 10**9)
        elif act == "retry":
            with nullcontext() if self.model.retry() else pytest.raises(InvalidState):
                await self.store.groups.request_retry(self.id)
        elif act == "forget" and indexes:
            # A deleted item stays counted, and its index is not accepted again.
            index = self.chance.choice(indexes)
            if self.model.items[index].state == "succeeded":
                await self.store.jobs.delete([item_id(self.id, index)])

    async def compare(self) -> None:
        before = await self.store.groups.get(self.id)
        assert before is not None
        assert before.total == sum(before.counts.values()) == len(self.model.items)
        await self.store.group_tasks.work()
        group = await self.store.groups.find(FanOut, self.id)
        assert group is not None
        assert (group.state, group.sealed) == (self.model.state, self.model.sealed)
        expected: dict[str, int] = {}
        for item in self.model.items.values():
            expected[item.state] = expected.get(item.state, 0) + 1
        assert {state.value: number for state, number in group.counts.items() if number} == expected
        then = await self.store.queries.job(follow_up_id(self.id))
        assert then is not None
        assert then.state == self.model.then
        found = [row async for rows in self.store.fan_outs.results(group, 0) for row in rows]
        states = {row.index: row.state.value for row in found}
        kept = {index: item.state for index, item in self.model.items.items() if index in states}
        assert states == kept
        assert list(states) == sorted(states)


async def live(store: Namespace, seed: int) -> None:
    chance = random.Random(seed)
    id = IdFactory(Clock().now_ms, chance.randbytes).new("fan", members=MEMBERS)
    tolerance = chance.choice((Tolerance(), Tolerance(count=chance.randint(0, 3)), Tolerance(percent=30)))
    spec = FanOutSpec(JobSpec("work"), JobSpec("report"), tolerance, whole=False)
    await store.fan_outs.create(id, spec, 0, None)
    model = ModelFanOut(tolerance.count, tolerance.percent)
    life = Life(store, id, chance.randint(1, 25), model, chance)
    for _ in range(chance.randint(5, 60)):
        await life.step()
        await life.compare()
    # Any fan-out can still be finished, whatever happened to it.
    if not model.sealed:
        missing = [index for index in range(life.size) if index not in model.items]
        model.fill(missing)
        await store.fan_outs.add_items(id, [Item(index, b"{}") for index in missing])
        assert model.seal(life.size)
        await store.fan_outs.seal(id, life.size)
        await life.compare()
    while life.leases or await life.claim():
        for index in sorted(life.leases):
            await life.finish(index, chance.choice(("succeeded", "succeeded", "dead")))
        await life.compare()
    await life.compare()
    await life.follow()
    await life.compare()
    assert model.state in ("succeeded", "failed", "cancelled")
    assert model.then in FINISHED
    await store.groups.delete(id)
    await store.group_tasks.work()
    assert await store.queries.jobs([follow_up_id(id), item_id(id, 0)]) == [None, None]


async def test_every_random_fan_out_lives_as_the_model_says(store: Namespace) -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + FAN_OUTS):
        try:
            await live(store, seed)
        except BaseException as error:
            error.add_note(f"seed {seed}")
            raise
    left = [key.decode() async for key in store.scripts.redis.scan_iter(match="*test-*fan_*")]
    assert [key for key in left if store.scripts.prefix in key] == []
