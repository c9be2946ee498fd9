"""A separate cluster for each test, because these tests kill servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import Cluster


@pytest.fixture
def cluster(server_binary: Path, tmp_path: Path) -> Iterator[Cluster]:
    server = EmbeddedServer(tmp_path / "data", server_binary)
    server.start()
    cluster = Cluster(tmp_path, server)
    yield cluster
    cluster.stop()
    server.stop()
