"""Fixtures of the store's tests: a clock that tests set."""

from collections.abc import AsyncIterator

import pytest

from service.clock import Clock
from service.store.namespace import Namespace
from tests.store.times import START
from tests.support.factories import register_worker
from tests.support.quota_invariants import set_quotas


@pytest.fixture
async def at(store: Namespace) -> AsyncIterator[int]:
    """The time, in milliseconds, that scripts get instead of Redis' clock."""
    begin = Clock().now_ms()
    store.scripts.now = str(begin)
    yield begin
    store.scripts.now = ""


#: Random models that run with quotas, so that the invariants recount everything that quotas count.
COUNTED = ("test_flow_model", "test_fan_out_model", "test_limit_model")


@pytest.fixture
async def store(store: Namespace, request: pytest.FixtureRequest) -> Namespace:
    if request.module.__name__.rpartition(".")[2] in COUNTED:
        await set_quotas(store)
    return store


@pytest.fixture
async def frozen(store: Namespace) -> Namespace:
    """A namespace at START, whose time only the test moves."""
    store.scripts.now = str(START)
    return store


@pytest.fixture
async def served(frozen: Namespace) -> Namespace:
    """A namespace at START, with a worker that has plenty of slots for jobs of the type `work`."""
    await register_worker(frozen, id="wk_1")
    return frozen
