"""A deleted namespace leaves nothing, even if processes still work there when it is deleted."""

from typing import Any

import pytest

from service.domain.tenant import Policy
from service.store.namespace import Namespace
from service.store.tenants.tenants import Tenants
from tests.support.eventually import eventually
from tests.support.factories import register_worker, submit
from tests.workers.several import Space, name, reached, registered
from tests.workers.tenants import serving
from workers.namespaces import served_namespaces

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("collect_as_always")]

#: They expire soon: what a worker has counted, and the marker itself.
EXPIRING = ("deleted", "stats:", "queue:default|rates:", "announced_retention")


async def left_keys(store: Namespace) -> list[str]:
    client: Any = store.scripts.redis
    names = [key.decode().partition("}:")[2] async for key in client.scan_iter(f"{store.scripts.prefix}*")]
    return sorted(name for name in names if not name.startswith(EXPIRING) and not name.endswith(":report"))


@pytest.fixture
def quick_refresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served_namespaces, "REFRESH", 0.05)
    monkeypatch.setattr(served_namespaces, "JITTER", 0.0)


async def use(store: Namespace) -> None:
    """Run a job, and delete it."""
    id = await submit(store, name="note")
    await reached(store, id)
    await store.stats_recorder.work()
    await store.jobs.delete([id])


@pytest.mark.usefixtures("quick_refresh")
async def test_a_deleted_namespace_leaves_nothing(redis_url: str, space: Space, redis: Any) -> None:
    tenants, team = Tenants(redis), space("team-1")
    await tenants.create(name(team), Policy(), "")
    async with serving(redis_url, "team-*", lease_seconds=1):
        await registered(team)
        await use(team)
        await tenants.delete(name(team))

        async def gone() -> None:
            assert await left_keys(team) == []

        await eventually(gone)
        # An API process may do its duties there for some minutes.
        await team.api_heartbeat(1_000)
        await team.stats_recorder.work()
        await gone()
    await gone()


async def test_a_worker_that_still_serves_the_name_keeps_its_entry(
    redis_url: str, space: Space, redis: Any
) -> None:
    tenants, shop, other = Tenants(redis), space("shop"), space("other")
    await tenants.create(name(shop), Policy(), "")
    async with serving(redis_url, f"{name(shop)},{name(other)}", lease_seconds=1):
        await registered(shop)
        await use(shop)
        await tenants.delete(name(shop))
        assert len(await shop.workers.job_types()) > 1
        id = await submit(shop, name="note")
        await reached(shop, id)
        # It is in use again, so Redis notes outages again.
        await redis.unlink(f"{shop.scripts.prefix}reachability")
        await shop.api_heartbeat(1_000)
        assert await redis.exists(f"{shop.scripts.prefix}reachability")
        await shop.jobs.delete([id])
    assert await left_keys(shop) == []


async def test_a_namespace_without_a_record_keeps_what_its_workers_published(store: Namespace) -> None:
    id = await register_worker(store)
    await store.api_heartbeat(1_000)
    await store.workers.deregister(id)
    assert {"pools", "reachability"} <= set(await left_keys(store))
