"""One live API with a worker, for every test of this folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import Cluster


@pytest.fixture(scope="module")
def cluster(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("fuzz")
    with EmbeddedServer(directory / "data", server_binary) as server:
        cluster = Cluster(
            directory,
            server,
            auth="required",
            handlers="workers.handlers,tests.support.scripted",
            lease_seconds=15,
        )
        cluster.http.headers["Authorization"] = f"Bearer {cluster.create_key()}"
        cluster.start_api()
        cluster.start_worker()
        yield cluster
        cluster.stop()
