"""A worker counts as lost once its leases have expired, because then its jobs are rescued."""

import pytest

from service.store.namespace import Namespace
from tests.support.factories import register_worker

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("lease_ms", "silent_ms", "state"),
    [
        (500, 500, "running"),
        (500, 2_500, "lost"),
        (15_000, 15_000, "running"),
        (15_000, 17_000, "lost"),
        (3_600_000, 30_000, "running"),
        (3_600_000, 32_000, "lost"),
    ],
)
async def test_a_silent_worker_is_lost_after_its_lease(
    store: Namespace, lease_ms: int, silent_ms: int, state: str
) -> None:
    seconds, micros = (await store.queries.pipeline(lambda pipe: pipe.time()))[0]
    seen_at = seconds * 1000 + micros // 1000 - silent_ms
    id = await register_worker(store, lease_ms=lease_ms, seen_at=seen_at)
    found = await store.workers.get(id)
    assert found is not None
    assert found.state == state


@pytest.mark.parametrize(
    ("running", "silent_ms", "state"), [(0, 30_000, "running"), (0, 32_000, "lost"), (1, 17_000, "lost")]
)
async def test_a_subscribed_worker_may_be_silent_for_longer_while_it_is_idle(
    store: Namespace, running: int, silent_ms: int, state: str
) -> None:
    seconds, micros = (await store.queries.pipeline(lambda pipe: pipe.time()))[0]
    seen_at = seconds * 1000 + micros // 1000 - silent_ms
    id = await register_worker(store, subscribed=True, running=running, lease_ms=15_000, seen_at=seen_at)
    found = await store.workers.get(id)
    assert found is not None
    assert found.state == state
