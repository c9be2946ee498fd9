"""The probes of a worker: a problem that a restart would not fix must not cause one."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.support.eventually import eventually
from tests.support.manual_clock import ManualClock
from workers.engine.claimer import Claimer
from workers.engine.pool import Pool
from workers.engine.runs.slots import Slots
from workers.engine.shares import Shares
from workers.process.health import DEAD_AFTER, UNCLAIMED_AT_MOST, Health


async def test_a_worker_without_redis_stays_alive() -> None:
    clock: Any = ManualClock()
    slots = Slots(clock, 2)
    executor: Any = SimpleNamespace(
        runs=SimpleNamespace(idle=True),
        limited=False,
        free_slots_by_type=lambda: {"scripted": 1},
        slots=Shares(slots).join(),
    )
    redis = connect("unix:///nowhere")
    leases = Namespace(redis, "test", 0).leases
    record: Any = SimpleNamespace(id="wk_1", pool="*", lease_ms=1_000, queues={"default": 1})
    claimer = Claimer(
        pool=Pool(leases, leases, record, lambda: "cl_1"),
        executor=executor,
        clock=clock,
        schedule_check=lambda _: None,
    )
    health = Health(clock, slots, lambda: False, lambda: claimer.last_claim_at)
    health.watchdog = cast(Any, SimpleNamespace(last_tick=clock.monotonic() + 2 * DEAD_AFTER))
    clock.advance(DEAD_AFTER + 1)
    assert health.live() == "the claim loop is stuck"

    claims = asyncio.create_task(claimer.work())

    def alive() -> None:
        assert health.live() is None

    await eventually(alive)
    claimer.stop()
    await asyncio.wait_for(claims, 10)
    await redis.aclose()


def worker(clock: Any, capacity: int = 2) -> tuple[Health, Any, Slots]:
    """A worker that has just claimed, with its claimer and its slots."""
    slots = Slots(clock, capacity)
    claimer: Any = SimpleNamespace(last_claim_at=clock.monotonic())
    health = Health(clock, slots, lambda: False, lambda: claimer.last_claim_at)
    health.watchdog = cast(Any, SimpleNamespace(last_tick=clock.monotonic() + 1e9))
    return health, claimer, slots


async def test_a_worker_with_free_slots_that_does_not_claim_is_not_ready() -> None:
    clock: Any = ManualClock()
    health, claimer, _ = worker(clock)
    assert (health.ready(), health.unclaimed_seconds()) == (None, 0)
    clock.advance(UNCLAIMED_AT_MOST + 1)
    assert health.unclaimed_seconds() == UNCLAIMED_AT_MOST + 1
    assert health.ready() == "slots are free and the claim loop is stuck"
    assert health.live() is None
    claimer.last_claim_at = clock.monotonic()
    assert health.ready() is None


async def test_a_worker_that_was_full_for_long_has_time_to_claim_again() -> None:
    clock: Any = ManualClock()
    health, _, slots = worker(clock, 1)
    slot = slots.acquire("job_1", "scripted")
    clock.advance(10 * DEAD_AFTER)
    assert (health.ready(), health.unclaimed_seconds()) == (None, 0)
    slot.release()
    assert (health.ready(), health.live(), health.unclaimed_seconds()) == (None, None, 0)
    clock.advance(UNCLAIMED_AT_MOST + 1)
    assert health.ready() is not None


async def test_a_worker_whose_slots_are_all_stuck_is_alive_and_not_ready() -> None:
    clock: Any = ManualClock()
    health, _, slots = worker(clock, 1)
    slot = slots.acquire("job_1", "scripted")
    assert health.ready() is None
    slots.mark_stuck(slot)
    assert health.ready() == "every slot is held by a run that does not end"
    assert health.live() is None
    slot.release()
    assert health.ready() is None
