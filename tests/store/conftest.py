"""What tests of the store say often."""

from collections.abc import AsyncIterator

import pytest

from service.clock import Clock
from service.store.namespace import Namespace


@pytest.fixture
async def at(stores: Namespace) -> AsyncIterator[int]:
    """The one time, in milliseconds, that the scripts are told."""
    begin = Clock().now_ms()
    stores.scripts.now = str(begin)
    yield begin
    stores.scripts.now = ""
