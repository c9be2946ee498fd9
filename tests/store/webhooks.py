"""Helpers for tests of webhooks: endpoints, and a worker whose receiver is the test."""

from typing import Any

from service.domain.webhook import Attempt, Secret, Webhook
from service.store.namespace import Namespace
from service.store.webhooks.outbox import DeliveryClaim, Leased
from tests.support.factories import IDS, OK, claim, finish, submit

SECRET = Secret("whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw==")
LEASE_MS = 45_000
DONE = Attempt(at=1, duration_ms=5, status=204)
BROKEN_DOWN = Attempt(at=1, duration_ms=5, status=500)


async def endpoint(store: Namespace, *events: str, url: str = "https://shop.example/events") -> Webhook:
    return await store.webhooks.create(IDS.new("wh"), url, events or ("*",), "", SECRET)


async def lease(store: Namespace, slots: int = 32, **busy: int) -> DeliveryClaim:
    return await store.outbox.claim("wk_1", LEASE_MS, slots, 8, busy)


async def accept(store: Namespace, leased: Leased) -> str:
    return await store.outbox.end(leased, DONE, retry_ms=None)


async def reject(store: Namespace, leased: Leased, retry_ms: int = 5_000) -> str:
    return await store.outbox.end(leased, BROKEN_DOWN, retry_ms=retry_ms)


async def drain(store: Namespace) -> list[tuple[str, str]]:
    """Accept everything that is due; returns events and resources in the order in which they were sent."""
    sent: list[tuple[str, str]] = []
    while leased := (await lease(store)).leased:
        for one in leased:
            assert await accept(store, one) == "moved"
            sent.append((one.delivery.event, one.delivery.resource))
    return sent


async def succeed(store: Namespace, **fields: Any) -> str:
    """Submit a job and let it succeed."""
    id = await submit(store, **fields)
    assert await finish(store, (await claim(store)).leases[0], OK) == "moved"
    return id


def later(store: Namespace, ms: int) -> None:
    """Move the time of a namespace that has a fixed one."""
    store.scripts.now = str(int(store.scripts.now) + ms)
