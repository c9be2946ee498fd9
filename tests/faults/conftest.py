"""A cluster whose API and workers reach Redis through separate networks."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import Cluster
from tests.faults.proxy import Proxy

#: Log events of a process that met an unforeseen error.
UNEXPECTED = ("unexpected_error", "never retrieved", "Traceback")


@pytest.fixture
def server(server_binary: Path, tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(tmp_path / "data", server_binary) as server:
        yield server


@pytest.fixture
def front(server: EmbeddedServer) -> Iterator[Proxy]:
    """The API's network."""
    with Proxy(Path(server.url.removeprefix("unix://")), seed=1) as proxy:
        yield proxy


@pytest.fixture
def back(server: EmbeddedServer) -> Iterator[Proxy]:
    """The workers' network."""
    with Proxy(Path(server.url.removeprefix("unix://")), seed=2) as proxy:
        yield proxy


@pytest.fixture
def cluster(server: EmbeddedServer, front: Proxy, tmp_path: Path) -> Iterator[Cluster]:
    """Its API is behind `front`; workers get `redis_url=back.url`."""
    cluster = Cluster(tmp_path, server, redis_url=front.url)
    yield cluster
    cluster.stop()
    for log in sorted(tmp_path.glob("*.log")):
        faults = [line for line in log.read_text().splitlines() if any(sign in line for sign in UNEXPECTED)]
        assert faults == [], log.name


@pytest.fixture
def redis(cluster: Cluster) -> Iterator[Any]:
    """Directly, not through a proxy."""
    with Redis.from_url(cluster.server.url) as client:
        yield client
