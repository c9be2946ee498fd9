"""Bodies that break parsers, limits or log lines: always a clean 4xx problem."""

from typing import Any

import pytest
import structlog

from service.store.namespace import Namespace
from service.store.redis import keys
from tests.api.client import Api, problem

NAN = [
    b'{"name":"work","payload":{"a":%s}}' % value for value in (b"NaN", b"Infinity", b"-Infinity", b"1e999")
]


@pytest.mark.parametrize("body", NAN)
async def test_numbers_outside_of_json_are_refused(api: Api, body: bytes) -> None:
    problem(await api.raw(body), 400, "json_invalid")


@pytest.mark.parametrize("number", [b"18446744073709551616", b"-9223372036854775809", b"1" * 5_000])
async def test_integers_beyond_64_bits_are_refused(api: Api, number: bytes) -> None:
    problem(await api.raw(b'{"name":"work","payload":{"a":' + number + b"}}"), 400, "json_invalid")


async def test_digits_inside_strings_are_not_numbers(api: Api) -> None:
    response = await api.raw(b'{"name":"work","payload":{"a":"99999999999999999999999","b":"\\"1e999"}}')
    assert response.status_code == 202


@pytest.mark.parametrize("text", [b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"'])
async def test_lone_surrogates_and_broken_utf8_are_refused(api: Api, text: bytes) -> None:
    problem(await api.raw(b'{"name":"work","payload":{"a":' + text + b"}}"), 400, "json_invalid")


@pytest.mark.parametrize(
    "body",
    [
        b'{"name":"work","name":"other"}',
        b'{"name":"work","payload":{"a":1,"\\u0061":2}}',
        b'{"name":"work","payload":{"a":[{"b":{"c":1,"c":1}}]}}',
    ],
)
async def test_an_object_that_has_a_key_twice_is_refused(api: Api, body: bytes) -> None:
    assert "duplicate key" in problem(await api.raw(body), 400, "json_invalid")["detail"]


async def test_the_same_key_in_two_objects_is_fine(api: Api) -> None:
    assert (
        await api.raw(b'{"name":"work","payload":{"name":{"name":1},"a":[{"name":1}]}}')
    ).status_code == 202


WRONG_TYPES = [
    b'"priority":"1"', b'"priority":true', b'"priority":1.5', b'"delay_seconds":"1"', b'"delay_seconds":true',
    b'"retry":{"max_attempts":true}', b'"retry":{"jitter":"0"}', b'"run_at":1700000000', b'"run_at":"170000"',
    b'"run_at":"2026-11-27T09:30:00"', b'"run_at":"2026-11-27"', b'"run_at":"2026-11-27T25:00:00Z"',
    b'"run_at":"2026-11-27 09:30:00Z"', b'"tags":{"a":1}', b'"tags":[]', b'"payload":"{}"', b'"queue":null',
    b'"unique":{"key":"a","until":true}',
]  # fmt: skip


@pytest.mark.parametrize("field", WRONG_TYPES)
async def test_a_value_of_another_type_is_not_converted(api: Api, field: bytes) -> None:
    problem(await api.raw(b'{"name":"work",' + field + b"}"), 422, "validation_failed")


@pytest.mark.parametrize(
    "time", ["2026-11-27T09:30:00Z", "2026-11-27T10:30:00.123456+01:00", "2026-11-27t09:30:00z"]
)
async def test_a_time_must_follow_rfc_3339(api: Api, time: str) -> None:
    job = await api.create(run_at=time)
    assert job["run_at"].startswith("2026-11-27T09:30:00.") or job["state"] == "queued"


@pytest.mark.parametrize("depth", [63, 900, 100_000])
async def test_deep_bodies_are_refused(api: Api, depth: int) -> None:
    body = b'{"name":"work","payload":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    problem(await api.raw(body), 400, "json_invalid")


async def test_64_levels_are_fine(api: Api) -> None:
    body = b'{"name":"work","payload":{"a":' + b"[" * 62 + b"]" * 62 + b"}}"
    assert (await api.raw(body)).status_code == 202


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"name":5}'])
async def test_an_invalid_job_is_refused(api: Api, body: bytes) -> None:
    response = await api.raw(body)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


async def test_null_is_not_an_absent_body(api: Api) -> None:
    problem(await api.raw(b"null", "/v1/queues/default/pause"), 400, "json_invalid")
    assert (await api.http.post("/v1/queues/default/pause")).status_code == 200


async def test_unknown_fields_are_named(api: Api) -> None:
    response = await api.http.post("/v1/jobs", json={"name": "work", "state": "succeeded"})
    assert problem(response, 422, "validation_failed")["errors"][0]["pointer"] == "/state"


async def test_a_body_of_another_type_is_refused(api: Api) -> None:
    response = await api.http.post(
        "/v1/jobs", content=b'{"name":"work"}', headers={"Content-Type": "text/plain"}
    )
    problem(response, 415, "unsupported_media_type")


async def test_large_bodies_are_refused_by_their_length_and_by_their_bytes(api: Api) -> None:
    large = b" " * 3_000_000
    problem(await api.raw(large), 413, "body_too_large")

    async def chunks():
        for _ in range(30):
            yield b" " * 100_000

    response = await api.http.post("/v1/jobs", content=chunks(), headers={"Content-Type": "application/json"})
    problem(response, 413, "body_too_large")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/jobs/job_1", 404, "not_found"),
        ("/v1/jobs/x%0d%0aSet-Cookie:a", 404, "not_found"),
        ("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E", 404, "not_found"),
        ("/v1/queues/never-seen", 404, "not_found"),
        ("/v1/queues/{name}", 404, "not_found"),
        ("/v1/jobs?cursor=%00", 400, "cursor_invalid"),
        ("/v1/jobs?cursor=bm90fG91cnM", 400, "cursor_invalid"),
        ("/v1/jobs?limit=201", 422, "validation_failed"),
        ("/v1/jobs?state=nonsense", 422, "validation_failed"),
        ("/v1/jobs?tag=nocolon", 422, "validation_failed"),
        ("/nowhere", 404, "not_found"),
    ],
)
async def test_bad_addresses_are_clean_problems(api: Api, path: str, status: int, code: str) -> None:
    problem(await api.http.get(path), status, code)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", "GET, POST"),
        ("PATCH", "/v1/jobs/bulk", "POST"),
        ("GET", "/v1/jobs/bulk", "POST"),
        ("PUT", "/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E", "DELETE, GET, PATCH"),
        ("GET", "/v1/queues/default/pause", "POST"),
        ("POST", "/docs", "GET"),
    ],
)
async def test_a_wrong_method_lists_the_allowed_ones(api: Api, method: str, path: str, allowed: str) -> None:
    response = await api.http.request(method, path, json={})
    problem(response, 405, "method_not_allowed")
    assert set(response.headers["allow"].split(", ")) - {"HEAD"} == set(allowed.split(", "))


async def test_an_unsafe_request_id_is_replaced(api: Api) -> None:
    assert (await api.http.get("/livez", headers={"X-Request-Id": "abc-1"})).headers[
        "x-request-id"
    ] == "abc-1"
    replaced = await api.http.get("/livez", headers={"X-Request-Id": "a b"})
    assert replaced.headers["x-request-id"].startswith("req_")


async def test_error_messages_of_redis_appear_only_in_the_log(api: Api, store: Namespace) -> None:
    redis: Any = store.scripts.redis
    key = keys.groups(store.scripts.prefix, kind="fan")
    await redis.set(key, "of another type")
    with structlog.testing.capture_logs() as logs:
        response = await api.http.get("/v1/fan-outs")
    await redis.delete(key)
    assert (
        problem(response, 500, "store_fault")["detail"] == "Internal error. The server's log has the details."
    )
    assert "WRONGTYPE" not in response.text
    assert "WRONGTYPE" in next(row["error"] for row in logs if row["event"] == "redis_refused_a_call")
