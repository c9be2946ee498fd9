"""What the client repeats, how long it pauses, and what it makes of responses that are not from Triage."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import orjson
import pytest

import triage_client
from tests.clients.scripted import Script, job, problem
from triage_client import AsyncTriage, Triage
from triage_client._core.requests import encode
from triage_client._core.responses import retry_after

DOWN = httpx.ConnectError("Connection refused")
BROKEN = httpx.RemoteProtocolError("Server disconnected without sending a response.")
BUSY = problem(503, "backend_unavailable", retryable=True, **{"Retry-After": "2"})
UNKNOWN = problem(503, "outcome_unknown", retryable=True)
HTML = httpx.Response(502, text="<html>Bad gateway</html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize("failure", [DOWN, BROKEN, BUSY, UNKNOWN, HTML])
async def test_a_submission_is_repeated_with_the_same_key(failure: Any) -> None:
    script = Script(failure, failure, job())
    assert (await script.triage.submit("work")).id == "job_1"
    keys = [request.headers["Idempotency-Key"] for request in script.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert script.pauses == ([2.0, 2.0] if failure is BUSY else [0.25, 0.5])


async def test_each_submission_has_its_own_key_unless_the_caller_gives_one() -> None:
    script = Script(job())
    for key in (None, None, "mine"):
        await script.triage.submit("work", idempotency_key=key)
    first, second, third = [request.headers["Idempotency-Key"] for request in script.requests]
    assert first != second
    assert third == "mine"


@pytest.mark.parametrize(
    ("failure", "repeated"), [(DOWN, True), (BUSY, True), (BROKEN, False), (UNKNOWN, False)]
)
async def test_a_purge_is_repeated_only_if_it_was_not_applied(failure: Any, repeated: bool) -> None:
    script = Script(failure, httpx.Response(200, json={"purged": 3}))
    if repeated:
        assert await script.triage.queue("bulk").purge() == 3
    else:
        with pytest.raises(triage_client.TriageError):
            await script.triage.queue("bulk").purge()
    assert len(script.requests) == 1 + repeated


async def test_a_change_of_a_version_is_not_repeated_blindly() -> None:
    """Its repetition would be refused, because the first attempt has changed the version."""
    script = Script(BROKEN, job())
    with pytest.raises(triage_client.NoResponse) as caught:
        await script.triage.job("job_1").update(priority=1, if_match=4)
    assert caught.value.maybe_applied
    assert script.requests[0].headers["If-Match"] == '"4"'
    await script.triage.job("job_1").update(priority=1)


async def test_the_client_gives_up_after_its_retries() -> None:
    script = Script(DOWN, max_retries=2)
    with pytest.raises(triage_client.NoResponse, match="http://triage cannot be reached: Connection refused"):
        await script.triage.get_job("job_1")
    assert (len(script.requests), script.pauses) == (3, [0.25, 0.5])


@pytest.mark.parametrize(
    "final",
    [
        problem(404, "not_found"),
        problem(429, "too_many_queues"),
        problem(507, "storage_full", retryable=True),
        problem(503, "backend_unavailable", retryable=True, **{"Retry-After": "3600"}),
        httpx.Response(500, text="oops"),
    ],
)
async def test_what_lasts_is_not_repeated(final: httpx.Response) -> None:
    script = Script(final)
    with pytest.raises(triage_client.TriageError):
        await script.triage.submit("work")
    assert len(script.requests) == 1


async def test_a_deletion_whose_response_was_lost_has_succeeded() -> None:
    await Script(BROKEN, problem(404, "not_found")).triage.job("job_1").delete()
    for script in (Script(problem(404, "not_found")), Script(DOWN, problem(404, "not_found"))):
        with pytest.raises(triage_client.NotFound):
            await script.triage.job("job_1").delete()


async def test_a_problem_becomes_the_exception_of_its_code() -> None:
    document = {
        "status": 409,
        "code": "invalid_state",
        "detail": "The job is succeeded.",
        "current_state": "succeeded",
        "errors": [{"pointer": "/x", "code": "bad", "message": "is bad"}],
    }
    with pytest.raises(triage_client.InvalidState) as caught:
        await Script(httpx.Response(409, json=document)).triage.job("job_1").cancel()
    assert str(caught.value) == "409 invalid_state: The job is succeeded.\n  /x: is bad"
    assert caught.value.problem["current_state"] == "succeeded"
    with pytest.raises(triage_client.ApiError) as unknown:
        await Script(problem(418, "code_of_next_year")).triage.job("job_1").cancel()
    assert (type(unknown.value), unknown.value.code) == (triage_client.ApiError, "code_of_next_year")


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (HTML, "502 Bad Gateway with text/html, which is not from Triage: a proxy may have responded"),
        (
            httpx.Response(200, json={"ok": 1}),
            "200 OK with other JSON, which is not from Triage: check the URL",
        ),
        (httpx.Response(200, text="hi"), "200 OK with text/plain, which is not from Triage: check the URL"),
        (httpx.Response(401, json={"error": "who?"}), "401 Unauthorized with other JSON, which is not from"),
        (httpx.Response(404), "404 Not Found with no body, which is not from Triage"),
        (
            httpx.Response(301, headers={"Location": "https://triage/"}),
            "301 Moved Permanently to https://triage/: the client does not follow redirects",
        ),
    ],
)
async def test_a_response_of_another_server_is_a_clear_error(response: httpx.Response, message: str) -> None:
    with pytest.raises(triage_client.UnexpectedResponse) as caught:
        await Script(response, max_retries=0).triage.get_job("job_1")
    assert str(caught.value).startswith(f"http://triage/v1/jobs/job_1 responded {message}")
    assert caught.value.status == response.status_code


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("triage:8080", "'triage:8080' has no http:// or https://: write http://triage:8080"),
        ("127.0.0.1:8080", "write http://127.0.0.1:8080"),
        ("http://triage/v1", "includes the path /v1, which the client adds: write http://triage"),
        ("http://triage/v1/jobs/", "write http://triage"),
        ("ftp://triage", "write http://HOST:PORT"),
        ("http://", "write http://HOST:PORT"),
        ("http://triage?x=1", "has a query or a fragment"),
        ("http://user:secret@triage/v1", "'http://triage/v1' includes the path"),
        ("http://triage:port", "is not a URL: Invalid port"),
    ],
)
def test_an_unusable_url_is_named_with_what_to_write(url: str, message: str) -> None:
    for client in (Triage, AsyncTriage):
        with pytest.raises(triage_client.ConfigurationError) as caught:
            client(url)
        assert message in str(caught.value)
        assert "secret" not in str(caught.value)


def test_url_and_key_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Triage().url == "http://127.0.0.1:8080"
    monkeypatch.setenv("TRIAGE_URL", "http://triage.example/base/")
    monkeypatch.setenv("TRIAGE_API_KEY", "secret-key")
    triage = Triage()
    assert triage.url == "http://triage.example/base"
    assert triage.http.config.headers()["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in repr(triage.http.config)
    monkeypatch.setenv("TRIAGE_URL", "triage.example")
    with pytest.raises(
        triage_client.ConfigurationError, match=r"'triage.example' \(TRIAGE_URL\) has no http"
    ):
        Triage()
    with pytest.raises(triage_client.ConfigurationError, match="key contains"):
        Triage("http://triage", "two\nlines")


def test_a_proxy_of_the_environment_is_not_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:1")
    assert not Triage("http://localhost:8080").http._client._mounts
    assert Triage("http://triage.example").http._client._mounts
    monkeypatch.setenv("HTTP_PROXY", "nonsense://proxy")
    with pytest.raises(triage_client.ConfigurationError, match="proxy or certificate settings"):
        Triage("http://triage.example")


async def test_nothing_is_sent_that_was_not_given() -> None:
    script = Script(job())
    await script.triage.submit("work")
    await script.triage.submit("work", {}, expires_seconds=None, retry={"max_attempts": 1})
    await script.triage.job("job_1").cancel()
    bodies = [orjson.loads(request.content) for request in script.requests]
    given = {"name": "work", "payload": {}, "expires_seconds": None, "retry": {"max_attempts": 1}}
    assert bodies == [{"name": "work"}, given, {}]


async def test_an_id_cannot_leave_its_place_in_the_path() -> None:
    script = Script(job())
    await script.triage.job("../queues/x?y#z").refresh()
    assert script.requests[0].url.raw_path == b"/v1/jobs/..%2Fqueues%2Fx%3Fy%23z"
    for id in ("", "..", "."):
        with pytest.raises(ValueError, match="is empty"):
            await script.triage.job(id).cancel()


def test_times_are_sent_with_their_zone() -> None:
    berlin = datetime(2026, 5, 4, 12, tzinfo=timezone(timedelta(hours=2)))
    assert encode({"run_at": berlin}) == b'{"run_at":"2026-05-04T10:00:00Z"}'
    for wrong, message in ((berlin.replace(tzinfo=None), "has no time zone"), (float("nan"), "JSON")):
        with pytest.raises(ValueError, match=message):
            encode({"run_at": wrong})
    with pytest.raises(TypeError, match="set is not a value of JSON"):
        encode({"ids": {1}})


def test_retry_after_is_a_number_or_a_date() -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after(httpx.Headers({"Retry-After": "1.5"})) == 1.5
    assert 28 <= (retry_after(httpx.Headers({"Retry-After": soon})) or 0) <= 30
    assert retry_after(httpx.Headers({"Retry-After": "soon"})) is None
    assert retry_after(httpx.Headers()) is None


async def test_a_waiting_request_has_more_time() -> None:
    script = Script(job(), timeout=5)
    await script.triage.submit("work", wait=20)
    await script.triage.submit("work", wait=120)
    await script.triage.submit("work")
    assert [request.headers.get("Prefer") for request in script.requests] == [
        "wait=20.000",
        "wait=30.000",
        None,
    ]
    assert [request.extensions["timeout"]["read"] for request in script.requests] == [25, 35, 5]


async def test_a_result_that_a_list_left_out_is_read() -> None:
    listed = {"id": "job_1", "state": "succeeded", "result": None, "truncated": ["result"]}
    page = httpx.Response(200, json={"items": [listed], "next_cursor": None})
    script = Script(page, job("succeeded", result="long"))
    (found,) = [row async for row in script.triage.jobs()]
    assert await found.result() == "long"
    assert [request.url.path for request in script.requests] == ["/v1/jobs", "/v1/jobs/job_1"]
