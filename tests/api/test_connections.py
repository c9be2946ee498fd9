"""A real server on a socket: malformed or slow requests, and open requests at shutdown."""

import asyncio
from typing import Any

import httpx
import orjson
import pytest

from service.api.requests.protocol import READ_BYTES
from service.store.namespace import Namespace
from tests.api.running import Running
from tests.support.eventually import eventually
from tests.support.factories import submit


def refused(response: bytes, status: int, code: str) -> None:
    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), response
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    assert orjson.loads(body)["code"] == code


GET = b"GET /livez HTTP/1.1\r\nHost: triage\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: triage\r\nContent-Type: application/json\r\n"
NOT_HTTP = {
    "noise": b"\x00\x01\x02\x03\r\n\r\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
    "a negative length": POST + b"Content-Length: -1\r\n\r\n",
    "a folded header": GET + b"X-One: a\r\n b: c\r\n\r\n",
    "a space before the colon": GET + b"X-One : a\r\n\r\n",
    "a bare carriage return": GET + b"X-One: a\rX-Two: b\r\n\r\n",
    "a null in a header": GET + b"X-One: a\x00b\r\n\r\n",
    "no such chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP.keys())
async def test_a_malformed_request_is_refused_and_the_connection_closed(
    running: Running, sent: bytes
) -> None:
    refused(await running.say(sent), 400, "http_invalid")


async def test_an_endless_head_is_refused_before_it_is_stored(running: Running) -> None:
    endless = [b"X-Filler: " + b"a" * 8_192 + b"\r\n"] * 9
    refused(await running.say(GET, *endless), 431, "headers_too_large")
    refused(await running.say(b"GET /" + b"a" * 66_000), 431, "headers_too_large")


async def test_an_incomplete_head_times_out(running: Running) -> None:
    refused(await running.say(GET), 408, "request_too_slow")


async def test_a_silent_connection_is_closed(running: Running) -> None:
    assert await running.say() == b""


async def test_a_body_that_does_not_arrive_times_out(running: Running) -> None:
    refused(await running.say(POST + b'Content-Length: 50\r\n\r\n{"name":'), 408, "request_too_slow")


async def test_a_slow_reader_is_cut_off_only_when_it_stops_reading(
    running: Running, store: Namespace
) -> None:
    id = await submit(store, payload=b'"%s"' % (b"x" * 9_000_000))
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, limit=4_096)
    writer.write(b"GET /v1/jobs/%s HTTP/1.1\r\nHost: x\r\n\r\n" % id.encode())
    (connection,) = await eventually(lambda: _watched(running))
    held = connection.transport.get_write_buffer_size()

    async def some_is_taken() -> None:
        await reader.read(65_536)
        assert connection.transport.get_write_buffer_size() <= held - READ_BYTES

    await eventually(some_is_taken)
    # Called directly, as its timer would.
    connection._check_reading()
    assert not connection.transport.is_closing()
    held = connection.transport.get_write_buffer_size()
    await eventually(some_is_taken)
    connection._check_reading()
    assert not connection.transport.is_closing()
    connection._check_reading()
    assert connection.transport.is_closing()

    def gone() -> None:
        assert connection not in running.server.server_state.connections

    await eventually(gone)
    writer.close()


def _watched(running: Running) -> list[Any]:
    connections: Any = running.server.server_state.connections
    found: list[Any] = [one for one in connections if one._reading_timer is not None]
    assert found
    return found


async def test_a_stopping_server_completes_requests_that_wait(running: Running, store: Namespace) -> None:
    id = await submit(store)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{running.port}", timeout=20) as http:
        polls = [asyncio.create_task(http.get(f"/v1/jobs/{id}", params={"wait": 25})) for _ in range(3)]
        submission = asyncio.create_task(
            http.post("/v1/jobs", json={"name": "work"}, headers={"Prefer": "wait=25"})
        )
        watches = running.change_feed(store)

        def waiting() -> None:
            assert watches._count == 4

        await eventually(waiting)
        running.server.should_exit = True
        responses = await asyncio.wait_for(asyncio.gather(*polls, submission), 5)
    assert [response.status_code for response in responses] == [200, 200, 200, 202]
    assert {response.json()["state"] for response in responses} == {"queued"}
    await asyncio.wait_for(running.task, 5)


@pytest.mark.parametrize("key", [b"", b"Idempotency-Key: k\r\n"])
async def test_a_request_that_shutdown_interrupts_gets_a_503(running: Running, key: bytes) -> None:
    running.server.config.timeout_graceful_shutdown = 0  # type: ignore[assignment]
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(POST + key + b"Content-Length: 30\r\n\r\n")

    def begun() -> None:
        assert running.server.server_state.tasks

    await eventually(begun)
    running.server.should_exit = True
    response = await asyncio.wait_for(reader.read(), 10)
    refused(response, 503, "shutting_down")
    assert b"retry-after: 1" in response.lower()
    assert b'"retryable":%s' % (b"true" if key else b"false") in response
    writer.close()
    await running.task
