"""Random mixes of queues, weights, priorities, limits, pauses and crashes: the scripts against a model."""

import asyncio
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.domain.job import Lease
from service.domain.limits import KeyLimits, RateLimit
from service.domain.outcome import Interrupted, rest_ms
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.store.limit_model import AGING, Limit, Model, Waiting
from tests.support import factories, invariants
from tests.support.factories import OK

START = 1_900_000_000_000
#: Lives in a normal run; `LIMIT_LIVES=2000 pytest tests/store/test_limit_model.py` searches longer.
LIVES = int(os.environ.get("LIMIT_LIVES", "30"))
QUEUES: tuple[str, ...] = ("a", "b", "c")
TYPES = ("work", "other")
LEASE = 15_000

rates = st.none() | st.builds(RateLimit, st.integers(1, 4), st.sampled_from([6, 100, 1_000]), st.booleans())
limits = st.tuples(st.none() | st.integers(1, 3), rates)
jobs = st.tuples(
    st.just("submit"),
    st.sampled_from(QUEUES),
    st.sampled_from(TYPES),
    st.sampled_from([None, None, "x", "y", "z"]),
    st.sampled_from([0, 100, 100, 101]),
    st.sampled_from([0, 0, 0, 70]),
)
steps = st.lists(
    st.one_of(
        jobs,
        jobs,
        st.tuples(st.just("claim"), st.integers(0, 1), st.sampled_from([1, 2, 6, 16, 60])),
        st.tuples(st.just("finish"), st.sampled_from(["ok", "drain"])),
        st.tuples(st.just("pass"), st.sampled_from([1, 3, 25, 40, 250, 1_000])),
        st.tuples(st.just("pause"), st.sampled_from(QUEUES)),
        st.tuples(st.just("pause_type"), st.sampled_from(QUEUES), st.sampled_from(TYPES)),
        st.tuples(st.just("crash")),
    ),
    min_size=20,
    max_size=60,
)
QUICK: Any = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    "print_blob": True,
}


class Run:
    """One life of a namespace: every step is applied to the store and to the model."""

    def __init__(self, store: Namespace, model: Model, weights: dict[str, int]) -> None:
        self.store, self.model = store, model
        self.workers = [factories.Worker(store, weights, f"wk_{number}") for number in range(2)]
        self.leases: list[Lease] = []
        self.now = START
        self.go(0)

    def go(self, ms: int) -> None:
        self.now += ms
        self.store.scripts.now = str(self.now)

    async def submit(self, queue: str, name: str, key: str | None, priority: int, delay: int) -> None:
        given = {"queue": queue, "name": name, "limit_key": key, "priority": priority, "delay_ms": delay}
        id = await factories.submit(self.store, **given)
        self.model.waiting[id] = Waiting(id, queue, name, key, priority, self.now + delay)

    async def claim(self, worker: int, slots: int) -> None:
        """Claim twice; if slots are left after that, limits must hold back every job that still waits."""
        left = 0
        for _ in range(2):
            response = await self.workers[worker].claim(slots, LEASE, types=dict.fromkeys(TYPES))
            self._start(response.leases, max(1, min(6, slots // 8)))
            self.leases += response.leases
            self.model.forget_empty_lanes(self.now)
            left = slots - len(response.leases)
        if left > 0:
            for job in self.model.due(self.now):
                assert self.model.blocked(job, self.now), f"nothing holds back {job}"

    def _start(self, leases: list[Lease], turn: int) -> None:
        """The jobs of one claim, in order; a key may start up to `turn` equally urgent ones in a row."""
        first: Waiting | None = None
        length = 0
        for lease in leases:
            job = self.model.waiting[lease.job.id]
            goes_on = (
                first is not None
                and job.key is not None
                and job.lane == first.lane
                and length < turn
                and job.score - first.score < AGING
            )
            first, length = (first, length + 1) if goes_on else (job, 1)
            self.model.start(lease.job.id, self.now, lease.starts_in_us, goes_on)

    async def finish(self, how: str) -> None:
        if self.leases:
            lease = self.leases.pop(0)
            assert await factories.finish(self.store, lease, OK if how == "ok" else Interrupted()) == "moved"
            job = self.model.leave(lease.job.id)
            if how == "drain":
                self.model.waiting[job.id] = job

    async def crash(self) -> None:
        """All leases expire; jobs that were lost repeatedly wait longer."""
        for ms in (LEASE * 10, LEASE + 1):
            self.go(ms)
            rescue = await self.store.leases.rescue(LEASE)
            for id in rescue.rescued:
                job = self.model.waiting[id] = self.model.leave(id)
                job.losses += 1
                if rest := rest_ms(job.losses):
                    job.due = self.now + rest
        self.leases.clear()

    async def pause(self, queue: str) -> None:
        self.model.paused ^= {queue}
        await self.store.queues.configure(queue, {"paused": queue in self.model.paused})

    async def pause_type(self, queue: str, name: str) -> None:
        self.model.paused_types ^= {(queue, name)}
        await self.store.queues.pause_job_type(queue, name, paused=(queue, name) in self.model.paused_types)


@pytest.mark.timeout(300 + LIVES)
@settings(max_examples=LIVES, **QUICK)
@given(
    queues=st.lists(limits, min_size=3, max_size=3),
    keys=st.lists(limits, min_size=3, max_size=3),
    weights=st.sampled_from([{"a": 3, "*": 1}, {"*": 1}, {"a": 1, "b": 5, "c": 2}]),
    steps=steps,
)
def test_limits_and_order_hold_in_every_life(
    redis_url: str, queues: Any, keys: Any, weights: Any, steps: Any
) -> None:
    async def live() -> None:
        redis = connect(redis_url, socket_timeout=10)
        store = Namespace(redis, f"m{os.urandom(6).hex()}", factories.DAY)
        model = Model({}, {})
        for name, (concurrency, rate), of_key in zip(QUEUES, queues, keys, strict=True):
            # One queue has no limits, so nothing there may ever wait for capacity.
            model.queues[name] = Limit() if name == "a" else Limit(concurrency, rate)
            model.per_key[name] = Limit(*of_key)
            limit = model.queues[name]
            await store.queues.configure(
                name,
                {
                    "max_concurrency": limit.concurrency,
                    "rate_limit": limit.rate,
                    "per_key": KeyLimits(*of_key),
                },
            )
        run = Run(store, model, weights)
        for verb, *arguments in steps:
            if verb == "pass":
                run.go(*arguments)
            else:
                await getattr(run, verb)(*arguments)
        await run.claim(0, 6)
        await invariants.check(store)
        await redis.aclose()

    asyncio.run(live())


@pytest.mark.timeout(300 + LIVES)
@settings(max_examples=5, **QUICK)
@given(
    weights=st.lists(st.integers(1, 9), min_size=3, max_size=3), slots=st.sampled_from([1, 2, 3, 12, 50, 100])
)
@pytest.mark.long
def test_shares_hold_within_5_points_over_600_starts(redis_url: str, weights: list[int], slots: int) -> None:
    async def live() -> None:
        redis = connect(redis_url, socket_timeout=10)
        store = Namespace(redis, f"m{os.urandom(6).hex()}", factories.DAY)
        run = Run(store, Model({}, {}), dict(zip(QUEUES, weights, strict=True)))
        taken: dict[str, int] = dict.fromkeys(QUEUES, 0)
        for queue in QUEUES:
            for _ in range(110):
                await factories.submit(store, queue=queue)
        for turn in range(600 // slots):
            response = await run.workers[turn % 2].claim(slots)
            for lease in response.leases:
                taken[lease.job.queue] += 1
                await factories.submit(store, queue=lease.job.queue)
        total = sum(taken.values())
        for queue, weight in zip(QUEUES, weights, strict=True):
            assert abs(taken[queue] / total - weight / sum(weights)) <= 0.05
        await redis.aclose()

    asyncio.run(live())
