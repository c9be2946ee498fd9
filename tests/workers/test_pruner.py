"""A finished job is pruned when its retention has passed, not just at the next regular check."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from service.clock import Clock
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import HeartbeatReply, decode_heartbeat
from service.store.namespace import Namespace
from service.store.redis import keys
from service.tasks import end
from tests.support.eventually import eventually
from tests.support.factories import DAY, IDS, OK, claim, finish, register_worker, submit
from workers.maintenance.maintenance import Maintenance
from workers.maintenance.periodic import repeat
from workers.maintenance.pruner import Pruner
from workers.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio


@dataclass
class Site:
    """A worker with only a pruner, and a heartbeat whenever its inbox asks for one."""

    store: Namespace
    worker: str
    pruner: Pruner

    async def heartbeat(self) -> HeartbeatReply:
        return decode_heartbeat(
            await self.store.scripts.run("heartbeat", [self.worker, 15_000, 0, "running", 0, "pool"])
        )

    async def is_woken(self) -> bool:
        redis: Any = self.store.scripts.redis
        inbox = keys.inbox(self.store.scripts.prefix, worker=self.worker)
        return bool(await redis.zpopmin(inbox))

    async def send_heartbeat(self) -> None:
        self.pruner.schedule_check(((await self.heartbeat()).next_prune_ms or 0) / 1000)


@pytest.fixture
async def site(store: Namespace) -> AsyncIterator[Site]:
    site = Site(store, await register_worker(store), Pruner(store.leases))
    duty = asyncio.create_task(repeat("prune", site.pruner.prune))
    yield site
    await end([duty])


async def ended(store: Namespace, **fields: Any) -> str:
    id = await submit(store, **fields)
    await finish(store, (await claim(store)).leases[0], OK)
    return id


async def test_a_short_retention_is_met(site: Site) -> None:
    await ended(site.store, retention_ms=DAY)
    assert not await site.is_woken()
    id = await ended(site.store, retention_ms=300)
    assert await site.is_woken()
    await site.send_heartbeat()

    async def gone() -> None:
        assert await site.store.queries.job(id) is None

    await eventually(gone, deadline_seconds=2)


async def test_a_cancelled_job_is_pruned_in_time_as_well(site: Site) -> None:
    id = await submit(site.store, retention_ms=300)
    await site.store.jobs.cancel([id], 0)
    assert await site.is_woken()
    await site.send_heartbeat()

    async def gone() -> None:
        assert await site.store.queries.job(id) is None

    await eventually(gone, deadline_seconds=2)


async def test_many_short_retentions_wake_workers_a_few_times_a_second(store: Namespace) -> None:
    site = Site(store, await register_worker(store), Pruner(store.leases))
    redis: Any = store.scripts.redis
    told = keys.announced_retention(store.scripts.prefix)
    await ended(store, retention_ms=20_000)
    assert await site.is_woken()
    # The clock stands still, so its remaining time does not shrink.
    assert 0 < await redis.pttl(told) <= 400
    await redis.persist(told)
    await ended(store, retention_ms=30_000)
    assert not await site.is_woken()
    await ended(store, retention_ms=10_000)
    assert await site.is_woken()
    assert 0 < await redis.pttl(told) <= 400


async def test_a_job_that_finishes_right_after_another_is_pruned_in_time(site: Site) -> None:
    for _ in range(2):
        id = await ended(site.store, retention_ms=0)
        if await site.is_woken():
            await site.send_heartbeat()

        async def gone(id: str = id) -> None:
            assert await site.store.queries.job(id) is None

        await eventually(gone, deadline_seconds=2)


async def test_a_heartbeat_returns_when_the_next_retention_ends(site: Site) -> None:
    assert (await site.heartbeat()).next_prune_ms is None
    await ended(site.store, retention_ms=DAY)
    told = (await site.heartbeat()).next_prune_ms
    assert told is not None
    assert DAY - 10_000 < told <= DAY
    assert (await site.store.leases.prune())[1] is not None


async def test_a_worker_prunes_a_job_that_its_heartbeat_has_reported(
    store: Namespace, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, prune = asyncio.Event(), store.leases.prune

    async def look(at_most: int) -> tuple[int, int | None]:
        found = await prune(at_most)
        looked.set()
        return found

    monkeypatch.setattr(store.leases, "prune", look)
    clock = Clock()
    settings = Settings(redis_url=redis_url)
    maintenance = Maintenance(store, settings, clock, Metrics(), IDS.new, Reachability(clock), "wk_1")
    site = Site(store, await register_worker(store), Pruner(store.leases))
    duties = [asyncio.create_task(duty) for duty in maintenance.duties(lambda: None)]
    try:
        # It knows of no retention, and would check again only in a minute.
        await asyncio.wait_for(looked.wait(), 5)
        id = await ended(store, retention_ms=300)
        maintenance.on_heartbeat(await site.heartbeat())

        async def gone() -> None:
            assert await store.queries.job(id) is None

        await eventually(gone, deadline_seconds=5)
    finally:
        await end(duties)
