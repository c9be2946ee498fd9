"""Without API keys, the API refuses requests whose Host header is not local or configured (DNS rebinding)."""

import pytest

from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import OPERATIONS, Operation
from tests.api.keys import authorization
from tests.api.running import serve

OWN = ["localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:8080", "127.0.0.2", "[::1]:8080", "[::1]"]
FOREIGN = [
    "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil",
    "10.0.0.7", "[fd00::2]", "", "0.0.0.0", "localhost:8080:1", "[::1", "triage.evil.example",
]  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_no_operation_accepts_a_rebound_name(api: Api, operation: Operation) -> None:
    response = await api.http.request(
        operation.method, operation.address(), headers={"Host": "evil.example:8080"}
    )
    problem(response, 400, "host_not_allowed")


@pytest.mark.parametrize("path", ["/dashboard", "/docs", "/openapi.json", "/nowhere"])
async def test_no_page_accepts_a_rebound_name(api: Api, path: str) -> None:
    problem(await api.http.get(path, headers={"Host": "evil.example"}), 400, "host_not_allowed")


@pytest.mark.parametrize("host", [*OWN, "triage", "triage:9"])
async def test_local_and_configured_hosts_are_accepted(api: Api, host: str) -> None:
    assert (await api.http.get("/v1/jobs", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", FOREIGN)
async def test_everything_else_is_refused(api: Api, host: str) -> None:
    problem(await api.http.get("/v1/jobs", headers={"Host": host}), 400, "host_not_allowed")


async def test_two_hosts_or_none_are_refused(redis_url: str, namespace: str) -> None:
    async with serve(redis_url, namespace) as running:
        for heads in (b"Host: localhost\r\nHost: evil.example\r\n", b""):
            response = await running.say(b"GET /v1/jobs HTTP/1.1\r\nConnection: close\r\n" + heads + b"\r\n")
            assert response.startswith(b"HTTP/1.1 400 ")


async def test_with_keys_any_host_is_accepted(store: Namespace) -> None:
    api = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    header = await authorization(store.scripts.redis, store.scripts.namespace)
    response = await api.http.get("/v1/jobs", headers={**header, "Host": "jobs.example.com"})
    assert response.status_code == 200
    await api.close()
