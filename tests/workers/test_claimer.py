"""When a worker claims: when it is woken, or by a timer at a due time, not when a blocking call ends."""

import asyncio
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.domain.errors import BackendUnavailable
from service.domain.job import Lease
from service.store.leases import Claim, ClaimRequest
from tests.support.eventually import eventually
from workers.engine import claimer
from workers.engine.claimer import STAND_BY, Claimer
from workers.engine.pool import Pool
from workers.engine.runs.slots import Slot, Slots
from workers.engine.shares import Shares

pytestmark = pytest.mark.anyio

NOW = 1_900_000_000_000_000


class Store:
    """Replies to claims as the test says; only a wake-up ends its blocking call."""

    def __init__(self, response: Callable[[int], Claim]) -> None:
        self._answer = response
        self.claims = 0
        self.asked: list[int] = []
        self.away = False
        self.blocked = self.ended = 0
        self.woken: list[str] = []
        self._tokens: asyncio.Queue[None] = asyncio.Queue()

    async def claim(self, request: ClaimRequest) -> Claim:
        self.claims += 1
        self.asked.append(request.slots)
        return self._answer(self.claims)

    async def wait_for_work(self, pool: str, seconds: float) -> bool:
        self.blocked += 1
        try:
            await self._tokens.get()
        except asyncio.CancelledError:
            # As redis-py on Python 3.11 sometimes does.
            await self._tokens.get()
        finally:
            self.ended += 1
        return True

    async def wake(self, pool: str) -> None:
        self.woken.append(pool)

    async def ping(self) -> None:
        if self.away:
            raise BackendUnavailable()

    def ring(self) -> None:
        self._tokens.put_nowait(None)


def claimed(*leases: Lease, due_in_us: int | None = None, now: int = NOW, more: bool = False) -> Claim:
    due = None if due_in_us is None else now + due_in_us
    return Claim(list(leases), now_us=now, due_us=due, next_alarm_ms=None, more=more, credits=b"")


def lease(starts_in_us: int = 0) -> Lease:
    return Lease(cast(Any, SimpleNamespace(id="job_1")), "1:x", starts_in_us=starts_in_us)


def leases(count: int) -> list[Lease]:
    return [lease() for _ in range(count)]


class Bench:
    """`shares`: of a worker that serves another namespace as well."""

    def __init__(
        self,
        response: Callable[[int], Claim],
        capacity: int = 2,
        limited: bool = False,
        shares: Shares | None = None,
    ) -> None:
        self.store: Any = Store(response)
        self.clock: Any = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
        self.started: list[tuple[int, float]] = []
        self.slots = (shares or Shares(Slots(self.clock, capacity))).join()
        self.held: list[Slot] = []
        self.executor: Any = SimpleNamespace(
            slots=self.slots,
            limited=limited,
            runs=SimpleNamespace(idle=False),
            free_slots_by_type=lambda: {"work": 0 if limited else None},
            start=self._start,
        )
        record: Any = SimpleNamespace(id="wk_1", pool="pool", lease_ms=1_000, queues={"*": 1})
        self.claimer = Claimer(
            pool=Pool(self.store, self.store, record, lambda: "cl_1"),
            executor=self.executor,
            clock=self.clock,
            schedule_check=lambda _: None,
        )

    def _start(self, lease: Lease, claimed_at: int) -> None:
        self.started.append((claimed_at, self.clock.monotonic()))
        self.held.append(self.slots.acquire(lease.job.id, "work"))

    async def until_claims(self, count: int) -> None:
        def looked() -> None:
            assert self.store.claims >= count

        await eventually(looked)

    async def run(self, claims: int) -> None:
        """Run until this many claims were made."""
        work = asyncio.create_task(self.claimer.work())
        await self.until_claims(claims)
        self.claimer.stop()
        await asyncio.wait_for(work, 5)


async def test_a_due_time_does_not_wait_for_the_end_of_the_blocking_call() -> None:
    loop = asyncio.get_running_loop()
    seen: list[float] = []

    def response(number: int) -> Claim:
        seen.append(loop.time())
        return claimed(due_in_us=20_000 if number < 20 else None)

    bench = Bench(response)
    await bench.run(20)
    # One call for all of them, because cutting one short costs its connection.
    assert bench.store.blocked == 1
    # Take the shortest delay, because the machine may be busy.
    assert 0.019 <= min(later - earlier for earlier, later in pairwise(seen)) < 0.025


async def test_a_wake_up_claims_at_once_and_the_next_one_is_waited_for() -> None:
    bench = Bench(lambda _: claimed())
    work = asyncio.create_task(bench.claimer.work())
    for number in range(1, 6):
        await bench.until_claims(number)
        bench.store.ring()
    await bench.until_claims(6)
    bench.claimer.stop()
    await asyncio.wait_for(work, 5)
    assert bench.store.blocked <= 6


async def test_a_full_worker_passes_a_wake_up_on() -> None:
    responses = [claimed(), claimed(lease(), lease(), more=True)]
    bench = Bench(lambda number: responses[number - 1] if number < 3 else claimed(), capacity=2)
    work = asyncio.create_task(bench.claimer.work())
    await bench.until_claims(1)
    bench.claimer.wake()
    await bench.until_claims(2)
    bench.store.ring()

    def passed_on() -> None:
        assert bench.store.woken == ["pool"]

    await eventually(passed_on)
    assert bench.store.claims == 2
    for slot in bench.held:
        slot.release()
    await bench.until_claims(3)
    bench.claimer.stop()
    await asyncio.wait_for(work, 5)


async def test_a_job_claimed_ahead_of_time_starts_in_time_and_in_order() -> None:
    leases = [lease(9_000), lease(), lease(4_000)]
    bench = Bench(lambda number: claimed(*leases, more=True) if number == 1 else claimed(), capacity=10)
    began = bench.clock.monotonic()
    await bench.run(2)
    assert [at for at, _ in bench.started] == [NOW // 1000, NOW // 1000 + 4, NOW // 1000 + 9]
    for (_, at), ahead in zip(bench.started, (0, 0.004, 0.009), strict=True):
        # A timer is exact to a millisecond.
        assert at - began >= ahead - 0.001


async def test_a_worker_that_was_too_late_stands_by_only_for_the_next_due_time() -> None:
    """Otherwise all but one of many idle workers would claim without success at each due time."""
    loop = asyncio.get_running_loop()
    seen: list[float] = []

    def response(number: int) -> Claim:
        seen.append(loop.time())
        return claimed(due_in_us=30_000, now=NOW + number * 30_000) if number < 4 else claimed()

    bench = Bench(response)
    await bench.run(4)
    assert min(later - earlier for earlier, later in pairwise(seen[1:])) >= 0.03 + STAND_BY - 0.002


async def test_a_freed_slot_of_a_limited_type_does_not_wait_for_the_blocking_call() -> None:
    bench = Bench(lambda _: claimed(), limited=True)
    work = asyncio.create_task(bench.claimer.work())
    for number in range(1, 11):
        await bench.until_claims(number)
        bench.slots.acquire(f"job_{number}", "work").release()
    await bench.until_claims(11)
    # The call loses its first cancellation, so cutting it short for each slot would delay the next claim.
    assert (bench.store.blocked, bench.store.ended) == (1, 0)
    bench.claimer.stop()
    await asyncio.wait_for(work, 5)


async def test_a_burst_ends_with_its_last_run() -> None:
    bench = Bench(lambda _: claimed())
    work = asyncio.create_task(bench.claimer.work(burst=True))
    await bench.until_claims(1)
    bench.executor.runs.idle = True
    bench.slots.acquire("job_1", "work").release()
    await asyncio.wait_for(work, 5)
    assert bench.store.claims == 2


async def test_an_outage_of_redis_is_waited_out() -> None:
    def response(number: int) -> Claim:
        if number < 3:
            raise BackendUnavailable()
        return claimed()

    await Bench(response).run(3)


async def test_a_stop_ends_a_blocking_call_that_loses_its_first_cancellation() -> None:
    bench = Bench(lambda _: claimed())
    await bench.run(1)
    assert (bench.store.blocked, bench.store.ended) == (1, 1)


async def test_a_claim_for_waiting_jobs_is_for_several_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claimer, "GATHER_SECONDS", 0.05)
    responses = [claimed(*leases(10)), claimed(*leases(10))]
    bench = Bench(lambda number: responses[number - 1] if number < 3 else claimed(), capacity=20)
    work = asyncio.create_task(bench.claimer.work())
    await bench.until_claims(2)
    first, second, *_ = bench.held
    first.release()
    asyncio.get_running_loop().call_later(0.01, second.release)
    await bench.until_claims(3)
    bench.claimer.stop()
    await asyncio.wait_for(work, 5)
    assert bench.store.asked == [10, 10, 2]


async def test_a_woken_worker_with_few_free_slots_claims_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claimer, "GATHER_SECONDS", 60)
    responses = [claimed(*leases(10)), claimed(*leases(9))]
    bench = Bench(lambda number: responses[number - 1] if number < 3 else claimed(), capacity=20)
    work = asyncio.create_task(bench.claimer.work())
    await bench.until_claims(2)
    bench.store.ring()
    await bench.until_claims(3)
    bench.claimer.stop()
    await asyncio.wait_for(work, 5)
    assert bench.store.asked == [10, 10, 1]


async def test_a_namespace_without_redis_leaves_the_slots_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for pause in ("FIRST_PAUSE", "LAST_PAUSE"):
        monkeypatch.setattr(claimer, pause, 0.001)
    clock: Any = SimpleNamespace(monotonic=asyncio.get_running_loop().time)
    shares = Shares(Slots(clock, 4))

    def response(number: int) -> Claim:
        if down.store.away:
            raise BackendUnavailable()
        return claimed(lease())

    down = Bench(response, shares=shares)
    down.store.away = True
    up = Bench(lambda _: claimed(lease(), lease(), more=True), shares=shares)
    works = [asyncio.create_task(each.claimer.work()) for each in (down, up)]

    def all_taken() -> None:
        assert up.slots.used == 4

    await eventually(all_taken)
    assert (down.store.claims, down.slots.reserved) == (1, 0)
    # Once Redis is back, it waits for its share like any other.
    down.store.away = False

    def served() -> None:
        up.held.pop().release()
        assert down.slots.used >= 1

    await eventually(served)
    for each in (down, up):
        each.claimer.stop()
    await asyncio.wait_for(asyncio.gather(*works), 5)
