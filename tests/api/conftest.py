"""The API on a fresh namespace."""

from collections.abc import AsyncIterator

import pytest

from service.store.stores import Stores
from tests.api.client import Api


@pytest.fixture
async def api(stores: Stores) -> AsyncIterator[Api]:
    api = Api(stores.scripts.redis, stores.scripts.namespace)
    yield api
    await api.close()
