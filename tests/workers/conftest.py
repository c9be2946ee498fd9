"""Fixtures for workers of several namespaces, on a real server."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.support import invariants
from tests.workers.several import Space


@pytest.fixture
def collect_as_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.worker.collect_rarely", lambda: None)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Any]:
    redis = connect(redis_url, socket_timeout=10)
    yield redis
    await redis.flushdb(asynchronous=True)
    await redis.aclose()


@pytest.fixture
async def space(redis: Any) -> AsyncIterator[Space]:
    """Namespaces by a short name; the invariants hold in each of them at the end."""
    made: dict[str, Namespace] = {}
    suffix = secrets.token_hex(4)

    def make(name: str) -> Namespace:
        if name not in made:
            made[name] = Namespace(redis, f"{name}-{suffix}", 1_000_000)
        return made[name]

    yield make
    for store in made.values():
        await invariants.check(store)
