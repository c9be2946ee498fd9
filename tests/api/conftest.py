"""Fixtures: the API on a fresh namespace."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict

import orjson
import pytest

from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect_blocking
from tests.api.client import Api
from tests.api.issuer import Issuer, issuing
from tests.api.running import Running, serve


@pytest.fixture(autouse=True)
def published(redis_url: str, namespace: str) -> Iterator[None]:
    """A worker, now gone, published `work` without redactions; data of other types is hidden."""
    catalogue = keys.catalogue(keys.prefix(namespace))
    with connect_blocking(redis_url, socket_timeout=10) as redis:
        redis.hset(catalogue, "work", orjson.dumps(asdict(JobType("work"))).decode())
        yield
        redis.unlink(catalogue)


@pytest.fixture
async def api(store: Namespace) -> AsyncIterator[Api]:
    api = Api(store.scripts.redis, store.scripts.namespace)
    yield api
    await api.close()


@pytest.fixture
async def running(redis_url: str, namespace: str) -> AsyncIterator[Running]:
    async with serve(redis_url, namespace) as running:
        yield running


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with issuing() as issuer:
        yield issuer


@pytest.fixture
async def token_api(store: Namespace, issuer: Issuer) -> AsyncIterator[Api]:
    """The API, configured to accept the issuer's tokens."""
    api = Api(store.scripts.redis, store.scripts.namespace, **issuer.settings)
    yield api
    await api.close()
