"""The API on a fresh namespace."""

from collections.abc import AsyncIterator

import pytest

from service.store.stores import Stores
from tests.api.client import Api
from tests.api.running import Running, serve


@pytest.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    api = Api(stores.scripts.redis, stores.scripts.namespace)
    yield api
    await api.close()


@pytest.fixture
async def running(redis_url: str, namespace: str) -> AsyncIterator[Running]:
    async with serve(redis_url, namespace) as running:
        yield running
