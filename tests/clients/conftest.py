"""Fixtures: the Python client on a real API, in process or over a socket."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict

import httpx
import orjson
import pytest

from service.domain.catalogue import JobType
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect_blocking
from tests.api.client import Api
from tests.api.running import Running, serve
from triage_client import AsyncTriage


@pytest.fixture
def published(redis_url: str, namespace: str) -> Iterator[None]:
    """A worker, now gone, published `work` without redactions; data of other types is hidden."""
    catalogue = keys.catalogue(keys.prefix(namespace))
    with connect_blocking(redis_url, socket_timeout=10) as redis:
        redis.hset(catalogue, "work", orjson.dumps(asdict(JobType("work"))).decode())
        yield
        redis.unlink(catalogue)


@pytest.fixture
async def triage(published: None, store: Namespace) -> AsyncIterator[AsyncTriage]:
    """The client, which calls the application directly."""
    api = Api(store.scripts.redis, store.scripts.namespace)
    transport = httpx.ASGITransport(api.app, raise_app_exceptions=False)
    http_client = httpx.AsyncClient(transport=transport)
    async with AsyncTriage("http://triage", http_client=http_client) as triage:
        yield triage
    await http_client.aclose()
    await api.close()


@pytest.fixture
async def running(published: None, redis_url: str, namespace: str) -> AsyncIterator[Running]:
    async with serve(redis_url, namespace, request_seconds=20) as running:
        yield running
