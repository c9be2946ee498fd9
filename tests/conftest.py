"""The server, the namespace and a clean environment: fixtures for all folders."""

import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer, find_server_binary
from tests.support import invariants
from tests.support.deployments import ClusterDeployment

DEAD_RETENTION_MS = 1_000_000
#: Folders with single tests that take half a minute or more.
LONG = {"fuzz", "faults", "sdks"}
REDIS = Path(__file__).parent.parent / ".cache" / "redis" / "redis-server"
#: Folders from which `make unit` takes the tests without a server and without processes.
UNIT = ("api", "clients", "contract", "domain", "store", "workers")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--server",
        choices=("valkey", "redis"),
        default="valkey",
        help="the embedded Valkey (default), or Debian's Redis as `make redis` provides it",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Containers often forbid Python to cache compiled modules. Rewriting the assertions of all tests takes
    # seconds per process, so the tests cache them all the same.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    config.addinivalue_line("markers", "server: needs a Valkey or Redis server; added to all that do")
    config.addinivalue_line("markers", "long: takes long and repeats what others test; only in `make chaos`")
    config.addinivalue_line("markers", "processes: starts processes, so it is not in `make unit`")
    # Before any fixture, and for subprocesses as well: a developer's own settings must not affect a test.
    for name in [name for name in os.environ if name.upper().startswith("TRIAGE_")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Long tests begin first, so that the others do not wait for one at the end.
    items.sort(key=lambda item: item.path.parent.name not in LONG)
    for item in items:
        if "server_binary" in getattr(item, "fixturenames", ()):
            item.add_marker("server")


@pytest.fixture(autouse=True)
def no_unmarked_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests that start processes need a marker, so that `make unit` stays quick."""
    test: pytest.Item = request.node
    marked = any(test.get_closest_marker(name) for name in ("server", "processes"))
    with pytest.MonkeyPatch.context() as patch:
        if test.path.parent.name in UNIT and not marked:
            patch.setattr(subprocess.Popen, "__init__", _refuse)
            patch.setattr(BaseProcess, "start", _refuse)
        yield


def _refuse(*_: Any, **__: Any) -> None:
    pytest.fail("A test that starts processes needs the marker `processes` or a server.")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server_binary(request: pytest.FixtureRequest) -> Path:
    """The server under test; without one the tests fail, because skipping would look like passing."""
    if request.config.getoption("--server") == "valkey":
        return find_server_binary()
    if not REDIS.exists():
        pytest.fail(f"{REDIS} is missing: run `make redis`.", pytrace=False)
    return REDIS


@pytest.fixture(scope="session")
def server(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One per pytest-xdist worker, shared by its tests: a test that stops a server starts another one.

    Redis runs in cluster mode, with all slots: it refuses every script that leaves the slot of its namespace.
    """
    directory = tmp_path_factory.mktemp("server")
    if server_binary == REDIS:
        with ClusterDeployment(directory, server_binary) as deployment:
            yield deployment.servers[0]
    else:
        with EmbeddedServer(directory, server_binary) as server:
            yield server


@pytest.fixture(scope="session")
def redis_url(server: EmbeddedServer) -> str:
    return server.url


@pytest.fixture
def namespace() -> str:
    return f"test-{secrets.token_hex(8)}"


@pytest.fixture
async def store(redis_url: str, namespace: str) -> AsyncIterator[Namespace]:
    """A fresh namespace; every test that uses it also checks the invariants at the end."""
    redis = connect(redis_url, socket_timeout=10)
    store = Namespace(redis, namespace, DEAD_RETENTION_MS)
    yield store
    await store.change_feed.close()
    await invariants.check(store)
    # The invariants of later tests scan the whole server, which only one test uses at a time.
    await redis.flushdb(asynchronous=True)
    await redis.aclose()
