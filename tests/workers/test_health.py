"""The probes of a worker: what restarting it would not mend must not restart it."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from service.store.connect import connect
from service.store.stores import Stores
from tests.eventually import eventually
from tests.manual_clock import ManualClock
from workers.claimer import Claimer
from workers.health import DEAD_AFTER, Health


async def test_a_worker_without_redis_stays_alive() -> None:
    clock: Any = ManualClock()
    executor: Any = SimpleNamespace(
        slot_freed=asyncio.Event(),
        draining=asyncio.Event(),
        capacity=2,
        free=2,
        limited=False,
        free_slots_by_type=lambda: {"scripted": 1},
    )
    redis = connect("unix:///nowhere")
    leases = Stores(redis, "test", 0).leases
    claimer = Claimer(
        leases=leases,
        wakes=leases,
        executor=executor,
        record=cast(Any, SimpleNamespace(id="wk_1", pool="*", queues={"default": 1})),
        lease_ms=1000,
        clock=clock,
        new_request_id=lambda: "cl_1",
        expect=lambda _: None,
    )
    health = Health(clock, executor, claimer)
    health.heartbeat = cast(Any, SimpleNamespace(last_tick=clock.monotonic() + 2 * DEAD_AFTER))
    clock.advance(DEAD_AFTER + 1)
    assert health.live() == "the claim loop does not turn"

    claims = asyncio.create_task(claimer.work())

    def alive() -> None:
        assert health.live() is None

    await eventually(alive)
    claimer.stop()
    await asyncio.wait_for(claims, 10)
    await redis.aclose()
