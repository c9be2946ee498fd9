"""Fixtures of the audit's tests."""

from collections.abc import AsyncIterator

import pytest

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.store.times import START


@pytest.fixture
async def frozen(store: Namespace) -> Namespace:
    """A namespace whose time only the test moves."""
    store.scripts.now = str(START)
    return store


@pytest.fixture
async def other(redis_url: str, namespace: str) -> AsyncIterator[Namespace]:
    """The namespace of `store`, on connections of another process: without the test's clock."""
    redis = connect(redis_url, socket_timeout=10)
    yield Namespace(redis, namespace, 300)
    await redis.aclose()
