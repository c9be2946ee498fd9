"""Security headers of every response, and requests that a browser or a proxy could be tricked into."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from service.api.requests.limits import MAX_HEADERS
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.document import ADDRESSED, OPERATIONS, Operation
from tests.api.keys import authorization

ALWAYS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}

API_OPERATIONS = [operation for operation in OPERATIONS if operation.path.startswith("/v1/")]


async def _broken(*_: Any) -> None:
    raise RuntimeError("a secret of ours")


ANSWERS: dict[str, Callable[[Api], Awaitable[Any]]] = {
    "200": lambda api: api.http.get("/livez"),
    "404": lambda api: api.http.get("/nowhere"),
    "405": lambda api: api.http.put("/v1/jobs", json={}),
    "413": lambda api: api.raw(b" " * 3_000_000),
    "422": lambda api: api.raw(b"{}"),
    "431": lambda api: api.http.get("/v1/jobs", headers={"X-Filler": "a" * 20_000}),
}


@pytest.mark.parametrize("ask", ANSWERS.values(), ids=ANSWERS.keys())
async def test_every_response_has_the_security_headers(
    api: Api, ask: Callable[[Api], Awaitable[Any]]
) -> None:
    response = await ask(api)
    assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS
    assert response.headers["x-request-id"].startswith("req_")
    assert "server" not in response.headers


async def test_an_internal_error_is_a_problem_without_details(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace_state = api.app.state.app_state.namespace_state(api.app.state.app_state.settings.namespace)
    monkeypatch.setattr(namespace_state.namespace.queries, "job", _broken)
    with structlog.testing.capture_logs() as logs:
        response = await api.http.get("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E")
    assert [row["event"] for row in logs if row["log_level"] == "error"] == ["unexpected_error"]
    assert "secret" not in problem(response, 500, "internal_error")["detail"]
    assert {name: response.headers.get(name) for name in ALWAYS} == ALWAYS


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_no_other_origin_is_allowed(api: Api, operation: Operation) -> None:
    headers = {
        "Origin": "https://elsewhere.example",
        "Access-Control-Request-Method": operation.method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = await api.http.options(operation.address(), headers=headers)
    problem(response, 405, "method_not_allowed")
    assert not [name for name in response.headers if name.startswith("access-control")]


async def test_a_form_of_another_page_cannot_submit(api: Api) -> None:
    for content_type in ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain", ""):
        response = await api.http.post(
            "/v1/jobs", content=b'{"name":"work"}', headers={"Content-Type": content_type}
        )
        problem(response, 415, "unsupported_media_type")


@pytest.mark.parametrize("operation", API_OPERATIONS, ids=lambda operation: operation.id)
async def test_without_keys_a_page_of_another_origin_is_refused(api: Api, operation: Operation) -> None:
    for origin in (
        "https://elsewhere.example",
        "null",
        "http://localhost:1",
        "http://triage",
        "http://[",
        "",
    ):
        response = await api.http.request(operation.method, operation.address(), headers={"Origin": origin})
        problem(response, 401, "unauthenticated")


@pytest.mark.parametrize("own", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
async def test_the_apis_own_pages_are_allowed(api: Api, own: str, store: Namespace) -> None:
    path, headers = "/v1/queues/default/pause", {"Origin": f"http://{own}", "Host": own}
    assert (await api.http.post(path, headers=headers)).status_code == 200
    other = {**headers, "Host": "127.0.0.1:9090"}
    problem(await api.http.post(path, headers=other), 401, "unauthenticated")
    # With API keys the key decides, because a proxy may have replaced the Host header.
    guarded = Api(store.scripts.redis, store.scripts.namespace, auth="required")
    key = await authorization(store.scripts.redis, store.scripts.namespace)
    assert (await guarded.http.post(path, headers={**other, **key})).status_code == 200
    await guarded.close()


async def test_a_head_of_16_kib_or_100_headers_is_the_limit(api: Api) -> None:
    many = {f"X-Filler-{number}": "a" for number in range(MAX_HEADERS)}
    few = dict(list(many.items())[: MAX_HEADERS - 10])
    assert (await api.http.get("/v1/jobs", headers=few)).status_code == 200
    problem(await api.http.get("/v1/jobs", headers=many), 431, "headers_too_large")
    assert (await api.http.get("/v1/jobs", headers={"X-Filler": "a" * 15_000})).status_code == 200
    problem(await api.http.get("/v1/jobs", headers={"X-Filler": "a" * 16_384}), 431, "headers_too_large")
    problem(await api.http.get("/v1/jobs?filler=" + "a" * 16_384), 431, "headers_too_large")


#: POSTs that need no idempotency key: the state of the resource shows whether they happened.
STEPS = {
    "cancel_job", "retry_job", "run_job_now", "retry_dead_letter", "cancel_flow", "retry_flow",
    "cancel_fan_out", "retry_fan_out", "add_fan_out_items", "seal_fan_out", "pause_queue", "resume_queue",
    "purge_queue", "pause_bulk_action", "resume_bulk_action", "cancel_bulk_action", "pause_schedule",
    "resume_schedule", "drain_worker", "create_api_key", "rotate_api_key", "create_namespace",
    "create_webhook", "rotate_webhook_secret", "enable_webhook", "disable_webhook", "test_webhook",
    "resend_delivery", "request_audit",
}  # fmt: skip


def test_every_post_that_creates_something_takes_an_idempotency_key() -> None:
    posts = [operation for operation in OPERATIONS if operation.method == "POST"]
    named = {
        operation.id: "Idempotency-Key" in [row["name"].title() for row in operation.parameters("header")]
        for operation in posts
    }
    assert {id for id, takes in named.items() if not takes} == STEPS


HOSTILE = [
    "x%0d%0aSet-Cookie:%20a=b", "%00", "%0a", "..%2f..%2fetc%2fpasswd", "%ff%fe", "a%20b", "%25s%25n",
    "%7bnamespace%7d", "'%20or%201=1--", "%e2%80%ae", "a" * 5_000,
    "job_01M85QCM3VN2A0H686WCBXCF8E%0a",
]  # fmt: skip


@pytest.mark.parametrize("operation", ADDRESSED, ids=lambda operation: operation.id)
async def test_a_hostile_address_names_nothing(api: Api, operation: Operation) -> None:
    for text in HOSTILE:
        address = operation.path.format_map({row["name"]: text for row in operation.parameters("path")})
        body = None if operation.request is None else operation.request["example"]
        response = await api.http.request(operation.method, address, json=body)
        if response.status_code == 405:  # The slash in it made this another address.
            continue
        problem(response, 404, "not_found")
        assert "set-cookie" not in response.headers
