"""Two APIs (one of which needs keys), a worker and a browser, shared by the tests of this folder."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from service.api.auth.credentials import SCOPES, digest, new_secret
from service.clock import Clock
from service.domain.access_key import AccessKey
from service.domain.ids import IdFactory
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.store.tenants.access_keys import AccessKeys
from tests.dashboard.visit import Visit
from tests.e2e.processes import ROOT, Cluster, free_port
from tests.support.eventually import eventually_blocking

CHROMIUM = ROOT / ".cache" / "browser" / "chromium"
FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


#: Scopes of the keys that tests use.
ALL = SCOPES
FEW = ("queues:read", "jobs:read")


@dataclass(frozen=True)
class System:
    """`open` needs no key, `closed` does; both show the same namespace. `keys` has secrets by scopes."""

    cluster: Cluster
    open: str
    closed: str
    keys: dict[tuple[str, ...], str]


# Per package, not per session: tests with event loops follow, and the browser's driver has one.
@pytest.fixture(scope="package")
def system(server_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    directory = tmp_path_factory.mktemp("dashboard")
    server = EmbeddedServer(directory / "data", server_binary)
    server.start()
    cluster = Cluster(directory, server, handlers="tests.support.scripted,tests.dashboard.handlers")
    try:
        port = free_port()
        closed = cluster.start("api", auth="required", port=port, environment_label="staging")
        cluster.start_api()
        cluster.start_worker()

        def ready() -> None:
            assert closed.poll() is None, cluster.logs()
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
            except httpx.TransportError as error:
                raise AssertionError from error

        eventually_blocking(ready, 30)
        keys = asyncio.run(_make_keys(server.url))
        yield System(cluster, f"http://127.0.0.1:{cluster.port}", f"http://127.0.0.1:{port}", keys)
    finally:
        cluster.stop()
        server.stop()


async def _make_keys(url: str) -> dict[tuple[str, ...], str]:
    redis, clock, secrets = connect(url), Clock(), {}
    for scopes in (ALL, FEW):
        secrets[scopes] = new_secret()
        id = IdFactory(clock.now_ms, os.urandom).new("key")
        key = AccessKey(id, "browser", "default", frozenset(scopes), clock.now_ms())
        await AccessKeys(redis).create(key, digest(secrets[scopes]))
    await redis.aclose()
    return secrets


@pytest.fixture(scope="package")
def browser(system: System, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: run `make browser`.", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            chromium_sandbox=False,
            args=FLAGS,
            downloads_path=tmp_path_factory.mktemp("downloads"),
        )
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def window(browser: Browser) -> Iterator[BrowserContext]:
    """Its tabs share the browser's cache, so that only the first one loads the page's files."""
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def visit(window: BrowserContext, system: System) -> Iterator[Visit]:
    """A new tab on the API that needs no key; the page must not have done anything forbidden."""
    visit = Visit(window, system.open)
    yield visit
    visit.close()


@pytest.fixture
def alone(browser: Browser, system: System) -> Iterator[Visit]:
    """The same in its own window, for tests that set the clock or the network."""
    visit = Visit(browser, system.open)
    yield visit
    visit.close()


@pytest.fixture
def guarded(window: BrowserContext, system: System) -> Iterator[Visit]:
    """A new tab on the API that needs keys."""
    visit = Visit(window, system.closed)
    yield visit
    visit.close()
