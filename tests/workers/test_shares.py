"""The slots of a worker of several namespaces: shares by weight, and nothing unused while a job waits."""

import random
from collections import Counter
from collections.abc import Mapping

import pytest

from service.clock import Clock
from workers.engine.runs.slots import Slot, Slots
from workers.engine.shares import Shares


class Worker:
    """Claims as claimers do: in each turn, every namespace with jobs takes what it may have."""

    def __init__(self, capacity: int, weights: Mapping[str, int]) -> None:
        self.slots = Slots(Clock(), capacity)
        self._shares = Shares(self.slots)
        self.share = {name: self._shares.join(weight) for name, weight in weights.items()}
        self.backlog: dict[str, int] = dict.fromkeys(weights, 0)
        self.started: Counter[str] = Counter()
        self.runs: dict[str, list[Slot]] = {name: [] for name in weights}
        self._woken: set[str] = set()
        for name, share in self.share.items():
            share.on_free = lambda name=name: self._woken.add(name)

    def claim(self, name: str, at_most: int = 1000) -> int:
        """One claim of this namespace; returns how many jobs it starts."""
        share, jobs = self.share[name], self.backlog[name]
        reserved = share.reserve(at_most)
        got = min(reserved, jobs)
        if reserved:
            share.keep(got)
        for _ in range(got):
            self.runs[name].append(share.acquire(f"{name}{self.started[name]}", name))
            self.started[name] += 1
        self.backlog[name] -= got
        if not self.backlog[name]:
            share.release()
        elif got:
            self._woken.add(name)  # The claimer claims again at once.
        return got

    def claim_all(self) -> None:
        """All namespaces with jobs ask; then those that are woken claim, as claimers do."""
        for name in self.share:
            if self.backlog[name]:
                self.share[name].available(1)
        self._shares.offer()
        while self._woken:
            name = min(self._woken)
            self._woken.discard(name)
            if self.backlog[name]:
                self.claim(name)

    def end(self, name: str, count: int = 1) -> None:
        for _ in range(count):
            self.runs[name].pop(0).release()

    @property
    def used(self) -> dict[str, int]:
        return {name: len(runs) for name, runs in self.runs.items()}


def test_one_namespace_gets_every_slot() -> None:
    worker = Worker(20, {"a": 1})
    worker.backlog["a"] = 100
    assert worker.claim("a") == 20
    assert worker.share["a"].reserve(5) == 0
    worker.end("a", 3)
    assert worker.claim("a", at_most=2) == 2
    assert worker.claim("a") == 1


@pytest.mark.parametrize(
    ("capacity", "weights", "expected"),
    [
        (20, {"a": 1, "b": 1}, {"a": 10, "b": 10}),
        (20, {"a": 3, "b": 1}, {"a": 15, "b": 5}),
        (10, {"a": 6, "b": 3, "c": 1}, {"a": 6, "b": 3, "c": 1}),
        (4, {name: 1 for name in "abcd"}, {name: 1 for name in "abcd"}),
    ],
)
def test_slots_are_shared_by_weight(capacity: int, weights: dict[str, int], expected: dict[str, int]) -> None:
    worker = Worker(capacity, weights)
    worker.backlog = dict.fromkeys(weights, 1000)
    worker.claim_all()
    assert worker.used == expected


@pytest.mark.parametrize("capacity", [1, 2, 3, 7])
def test_starts_follow_the_weights_with_few_slots(capacity: int) -> None:
    worker = Worker(capacity, {"a": 5, "b": 2, "c": 1})
    worker.backlog = dict.fromkeys("abc", 10_000)
    worker.claim_all()
    for _ in range(800):
        # The jobs end in the order of their starts, as jobs of the same length do.
        name = min((name for name in "abc" if worker.runs[name]), key=lambda name: worker.started[name])
        worker.end(name)
        worker.claim_all()
    total = worker.started.total()
    shares = {name: count / total for name, count in worker.started.items()}
    if capacity == 1:
        assert shares == pytest.approx({"a": 5 / 8, "b": 2 / 8, "c": 1 / 8}, abs=0.01)
    # With more slots, a namespace has at least one of them from time to time.
    assert min(shares.values()) >= 1 / 10


def test_an_idle_namespace_leaves_its_share_to_the_others() -> None:
    worker = Worker(20, {"a": 1, "b": 19})
    worker.backlog["a"] = 100
    worker.claim_all()
    assert worker.used == {"a": 20, "b": 0}


def test_a_flood_of_long_jobs_leaves_every_free_slot_to_a_newcomer_until_it_has_its_share() -> None:
    worker = Worker(20, {"flood": 1, "quiet": 1})
    worker.backlog["flood"] = 1000
    worker.claim_all()
    worker.backlog["quiet"] = 100
    for ended in range(1, 11):
        worker.end("flood")
        worker.claim_all()
        assert worker.used == {"flood": 20 - ended, "quiet": ended}
    # From now on each keeps its share, whichever of them ends a job.
    for name in ("flood", "quiet", "quiet", "flood"):
        worker.end(name)
        worker.claim_all()
        assert worker.used == {"flood": 10, "quiet": 10}


def test_long_jobs_of_one_namespace_do_not_displace_short_ones_of_another() -> None:
    worker = Worker(8, {"long": 1, "short": 1})
    worker.backlog = {"long": 1000, "short": 1000}
    worker.claim_all()
    for _ in range(200):
        worker.end("short")
        worker.claim_all()
        assert worker.used == {"long": 4, "short": 4}


def test_time_without_jobs_earns_no_credit() -> None:
    worker = Worker(1, {"busy": 1, "rare": 1})
    worker.backlog["busy"] = 10_000
    worker.claim_all()
    for _ in range(500):
        worker.end("busy")
        worker.claim_all()
    worker.backlog["rare"] = 10_000
    before = worker.started["busy"]
    for _ in range(20):
        worker.end(next(name for name, runs in worker.runs.items() if runs))
        worker.claim_all()
    assert worker.started["busy"] - before == pytest.approx(10, abs=1)


def test_a_claim_that_does_not_return_holds_no_more_than_what_it_reserved() -> None:
    worker = Worker(4, {"down": 1, "up": 1})
    stuck = worker.share["down"]
    assert stuck.reserve(2) == 2
    worker.backlog["up"] = 100
    worker.claim_all()
    assert worker.used == {"down": 0, "up": 2}
    stuck.release()
    worker.claim_all()
    assert worker.used == {"down": 0, "up": 4}


def test_a_repeated_claim_may_return_more_than_it_reserved() -> None:
    slots = Slots(Clock(), 2)
    share = Shares(slots).join()
    assert share.reserve(1) == 1
    share.keep(3)
    held = [share.acquire(f"job_{number}", "work") for number in range(3)]
    assert (slots.free, share.reserved, share.free) == (-1, 0, -1)
    share.release()
    for slot in held:
        slot.release()
    assert (share.free, share.used) == (2, 0)


def test_whoever_waits_is_told_when_another_leaves() -> None:
    slots = Slots(Clock(), 1)
    shares = Shares(slots)
    leaving, staying = shares.join(), shares.join()
    told: list[str] = []
    assert leaving.reserve(1) == 1
    assert staying.reserve(1) == 0
    staying.on_free = lambda: told.append("staying")
    shares.leave(leaving)
    assert told == ["staying"]
    assert staying.reserve(1) == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_stays_free_while_a_job_waits_and_none_is_lost(seed: int) -> None:
    chance = random.Random(seed)
    weights = {f"n{number}": chance.randint(1, 10) for number in range(chance.randint(1, 12))}
    worker = Worker(chance.randint(1, 12), weights)
    for _ in range(150):
        name = chance.choice(list(weights))
        if chance.random() < 0.5:
            worker.backlog[name] += chance.randint(1, 5)
        for busy, runs in worker.runs.items():
            worker.end(busy, chance.randint(0, len(runs)))
        worker.claim_all()
        used = sum(worker.used.values())
        assert used == worker.slots.used <= worker.slots.capacity
        assert used == worker.slots.capacity or not any(worker.backlog.values())
        assert {each: share.used for each, share in worker.share.items()} == worker.used
        assert not any(share.reserved for share in worker.share.values())


def test_no_namespace_starves_beside_many_floods() -> None:
    worker = Worker(3, {f"flood{number}": 10 for number in range(20)} | {"quiet": 1})
    worker.backlog = dict.fromkeys(worker.share, 10_000)
    worker.claim_all()
    ended = 0
    while not worker.started["quiet"]:
        worker.end(next(name for name, runs in worker.runs.items() if runs))
        worker.claim_all()
        ended += 1
        assert ended < 21 * 10 + 3
