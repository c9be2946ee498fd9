"""The worker's own port: probes and metrics for every caller, drain only for its own pod."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from workers.process.admin import Admin, AdminServer, start_admin


class Drains:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


@pytest.fixture
def drains() -> Drains:
    return Drains()


@pytest.fixture
def admin(drains: Drains) -> Admin:
    return Admin(lambda: None, lambda: "starting", drains, CollectorRegistry())


@pytest.fixture
async def server(admin: Admin) -> AsyncIterator[AdminServer]:
    server = await start_admin(admin, "0.0.0.0", 0)
    yield server
    server.should_exit = True
    await server.serving


async def status(admin: Admin, client: Any, method: str = "POST", path: str = "/drain") -> int:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await admin({"method": method, "path": path, "client": client, "headers": []}, None, send)
    return sent[0]["status"]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
async def test_a_local_request_may_drain(admin: Admin, drains: Drains, host: str) -> None:
    assert await status(admin, (host, 50_000)) == 202
    assert drains.count == 1


@pytest.mark.parametrize("client", [("10.0.0.7", 1), ("::ffff:10.0.0.7", 1), ("fd00::2", 1), ("", 0), None])
async def test_only_local_requests_may_drain_but_all_may_read(
    admin: Admin, drains: Drains, client: Any
) -> None:
    assert await status(admin, client) == 403
    assert drains.count == 0
    looks = [await status(admin, client, "GET", path) for path in ("/livez", "/readyz", "/metrics")]
    assert looks == [200, 503, 200]


async def test_a_real_server_trusts_no_header_and_no_web_page(server: AdminServer, drains: Drains) -> None:
    url = f"http://127.0.0.1:{server.port}/drain"
    async with httpx.AsyncClient() as http:
        page = await http.post(url, headers={"Origin": "https://elsewhere.example"})
        assert (page.status_code, drains.count) == (403, 0)
        assert (await http.post(url, headers={"X-Forwarded-For": "10.0.0.7"})).status_code == 202
        assert drains.count == 1
