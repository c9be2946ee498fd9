"""The API checks key, scope, parameters and size before it reads a body."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from service.api.requests.body_budget import Bodies
from service.api.responses.errors import TooManyBodies
from service.store.namespace import Namespace
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.api.running import Running, serve
from tests.support.eventually import eventually
from tests.support.loop_lag import longest_step

HEAD = b"POST %s HTTP/1.1\r\nHost: triage\r\nContent-Type: application/json\r\n"
LARGE = b"Content-Length: 60000000\r\n\r\n"
#: In seconds: twenty times the goal, because the machine may be busy; parsing the body in one go took ten.
HELD = 1.0


@pytest.fixture
async def guarded(redis_url: str, namespace: str) -> AsyncIterator[Running]:
    async with serve(redis_url, namespace, auth="required", request_seconds=20) as running:
        yield running


async def first_line(running: Running, sent: bytes) -> bytes:
    """The response that arrives while the body is still missing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(sent)
    line = await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    return line


async def test_without_a_key_no_body_is_read(guarded: Running) -> None:
    for path in (b"/v1/jobs", b"/v1/jobs/bulk", b"/v1/flows", b"/v1/fan-outs"):
        assert b" 401 " in await first_line(guarded, HEAD % path + LARGE)
    # A client that sends the whole body first gets the same response.
    async with guarded.client() as client:
        body, headers = b'{"jobs":[' + b"[]," * 3_000_000, {"Content-Type": "application/json"}
        response = await client.post("/v1/jobs/bulk", content=body, headers=headers)
        assert response.status_code == 401
    assert guarded.app_state.bodies.size == 0


async def test_without_the_scope_no_body_is_read(guarded: Running, store: Namespace) -> None:
    key = await authorization(store.scripts.redis, store.scripts.namespace, ["jobs:read"])
    head = HEAD % b"/v1/jobs/bulk" + b"Authorization: " + key["Authorization"].encode() + b"\r\n"
    assert b" 403 " in await first_line(guarded, head + LARGE)


@pytest.mark.parametrize(
    ("path", "size"),
    [
        ("/v1/jobs", 300_000),
        ("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E/cancel", 70_000),
        ("/v1/jobs/job_01M85QCM3VN2A0H686WCBXCF8E/retry", 300_000),
        ("/v1/queues/default/pause", 70_000),
        ("/v1/fan-outs/fan_01M85QCM3VN2A0H686WCBXCF8E/seal", 70_000),
        ("/v1/jobs/bulk", 33_600_000),
        ("/v1/flows", 33_600_000),
    ],
)
async def test_every_operation_has_its_own_limit(api: Api, path: str, size: int) -> None:
    headers = {"content-type": "application/json", "content-length": str(size)}
    problem(await api.http.post(path, content=b"{}", headers=headers), 413, "body_too_large")


async def test_a_payload_of_the_largest_size_fits_however_it_is_written(api: Api) -> None:
    text = "\u00e9" * 30_000
    body = b'{"name":"work","payload":{"text":"' + b"\\u00e9" * 30_000 + b'"}}'
    response = await api.raw(body)
    assert response.status_code == 202
    assert response.json()["payload"] == {"text": text}


BLOCKS = {
    "many items": ("/v1/jobs/bulk", b'{"jobs":[' + b"[]," * 9_000_000 + b"[]]}", 422),
    "one large item": ("/v1/jobs/bulk", b'{"jobs":[[' + b"[]," * 9_000_000 + b"[]]]}", 413),
    "large items": ("/v1/jobs/bulk", b'{"jobs":[' + (b"[" + b"[]," * 20_000 + b"1],") * 90 + b"1]}", 200),
    "another member": ("/v1/fan-outs", b'{"template":[' + b"[]," * 9_000_000 + b"[]]}", 413),
    "large items of a fan-out": ("/v1/fan-outs", b'{"items":[' + b'{"":{}},' * 400_000 + b"1]}", 422),
    "a flow": ("/v1/flows", b'{"name":"f","jobs":{"a":{"job":[' + b"[]," * 500_000 + b"1]}}}", 413),
    "not JSON": ("/v1/jobs/bulk", b'{"jobs":[' + b"1 2," * 3_000_000, 400),
    "white space": ("/v1/jobs/bulk", b'{"jobs":[' + b" " * 30_000_000, 413),
}


@pytest.mark.parametrize(("path", "body", "status"), BLOCKS.values(), ids=BLOCKS.keys())
async def test_no_body_holds_up_the_others(api: Api, path: str, body: bytes, status: int) -> None:
    await api.http.get("/livez")
    with longest_step() as longest:
        response = await api.raw(body, path)
    assert response.status_code == status, response.text[:500]
    assert longest[0] < HELD


def test_concurrent_bodies_share_a_limit() -> None:
    bodies = Bodies(100)
    with bodies.hold("a", large=True) as first, bodies.hold("b", large=True) as second:
        first.take(100)
        with pytest.raises(TooManyBodies):
            first.take(1)  # Half of the budget for large bodies.
        second.take(100)
        with bodies.hold("c", large=True) as third, pytest.raises(TooManyBodies):
            third.take(1)
        with bodies.hold("c", large=False) as small:
            small.take(100)
        assert bodies.size == 200
    assert bodies.size == 0


async def test_a_body_counts_until_its_response_is_sent(api: Api) -> None:
    bodies = api.app.state.app_state.bodies
    with bodies.hold("other", large=True) as held, bodies.hold("third", large=True) as more:
        held.take(bodies.most_of_one(large=True))
        more.take(bodies.most_of_one(large=True))
        refused = problem(await api.raw(b'{"jobs":[]}', "/v1/jobs/bulk"), 503, "too_many_bodies")
        assert refused["retryable"]
        assert (await api.raw(b'{"name":"work"}')).status_code == 202
    assert (await api.raw(b'{"jobs":[{"name":"work"}]}', "/v1/jobs/bulk")).status_code == 200
    assert bodies.size == 0


async def test_a_slow_body_times_out_and_the_connection_is_closed(running: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(HEAD % b"/v1/jobs" + b"Content-Length: 100\r\n\r\n{")
    response = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert b" 408 " in response.splitlines()[0]
    assert b"connection: close" in response.lower()


async def test_a_client_that_disconnects_frees_its_slot(guarded: Running, store: Namespace) -> None:
    key = await authorization(store.scripts.redis, store.scripts.namespace)
    _, writer = await asyncio.open_connection("127.0.0.1", guarded.port)
    writer.write(HEAD % b"/v1/jobs" + b"Authorization: " + key["Authorization"].encode() + b"\r\n")
    writer.write(b"Content-Length: 100\r\n\r\n{")
    bodies = guarded.app_state.bodies

    def holds(size: int) -> None:
        assert bodies.size == size

    await eventually(lambda: holds(1))
    writer.close()
    await eventually(lambda: holds(0))
