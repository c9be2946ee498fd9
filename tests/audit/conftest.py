"""A namespace whose time only the test moves."""

import pytest

from service.store.namespace import Namespace
from tests.store.times import START


@pytest.fixture
async def frozen(store: Namespace) -> Namespace:
    store.scripts.now = str(START)
    return store
