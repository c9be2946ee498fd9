"""Event streams are limited in number, and end with their client, server or Redis, but not at a deadline."""

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from service.api.requests import protocol
from service.api.resources.streams import event_streams
from service.clock import Clock
from service.domain.states import State
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.tasks import within
from tests.api.client import Api, problem
from tests.api.events import AT_ONCE, Event, StatusReads, after, following
from tests.api.keys import authorization
from tests.api.running import SECONDS, Running, serve
from tests.support.eventually import eventually
from tests.support.factories import DAY, claim, job_in, submit


async def test_a_client_that_disconnects_frees_its_stream(running: Running, store: Namespace) -> None:
    id = await submit(store)
    path = f"/v1/jobs/{id}/events"
    async with following(running, path) as one, following(running, path) as other:
        await anext(one)
        await anext(other)
        channel = store.scripts.prefix + keys.CHANGES
        client: Any = store.scripts.redis
        assert (await client.pubsub_numsub(channel))[0][1] == 1
        assert (running.app_state.streams.count, running.change_feed(store)._count) == (2, 2)

    def free() -> None:
        assert (running.app_state.streams.count, running.change_feed(store)._count) == (0, 0)

    await eventually(free)


async def test_a_stopping_server_ends_its_streams(running: Running, store: Namespace) -> None:
    id = await submit(store)
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        assert (await anext(stream)).data["state"] == "queued"
        running.server.should_exit = True
        assert [event async for event in stream] == [Event("shutdown", None, {})]
    await asyncio.wait_for(running.task, 5)


async def test_streams_are_bounded(running: Running, store: Namespace) -> None:
    running.app_state.streams.most = 1
    path = f"/v1/jobs/{await submit(store)}/events"
    async with following(running, path) as stream, running.client() as http:
        await anext(stream)
        response = await within(5, http.get(path))
        assert problem(response, 503, "too_many_streams")["retryable"]
        assert response.headers["retry-after"] == "1"


async def test_streams_of_a_key_are_bounded(redis_url: str, store: Namespace) -> None:
    path = f"/v1/jobs/{await submit(store)}/events"
    async with serve(redis_url, store.scripts.namespace, auth="required") as running:
        running.app_state.streams.most_of_holder = 2
        greedy, modest = [await authorization(store.scripts.redis, store.scripts.namespace) for _ in range(2)]
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(running.client())
            opened = [await stack.enter_async_context(_open(http, path, greedy)) for _ in range(2)]
            refused = await within(5, http.get(path, headers=greedy))
            assert problem(refused, 429, "too_many_streams")["detail"].startswith("Too many open event")
            assert refused.headers["retry-after"] == "1"
            opened.append(await stack.enter_async_context(_open(http, path, modest)))
            assert [response.status_code for response in opened] == [200, 200, 200]
            await opened[0].aclose()

            def freed() -> None:
                assert running.app_state.streams.count == 2

            await eventually(freed)
            again = await stack.enter_async_context(_open(http, path, greedy))
            assert again.status_code == 200


def _open(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> Any:
    return http.stream("GET", path, headers=headers)


async def test_a_client_that_stops_reading_loses_its_stream(
    running: Running, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "READ_SECONDS", 0.5)
    monkeypatch.setattr(event_streams, "StreamTiming", lambda: AT_ONCE)
    id = await submit(store)
    lease = (await claim(store)).leases[0]
    message = "x" * 60_000
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", running.port))
        await loop.sock_sendall(client, b"GET /v1/jobs/%s/events HTTP/1.1\r\nHost: x\r\n\r\n" % id.encode())
        assert (await loop.sock_recv(client, 12)) == b"HTTP/1.1 200"
        assert running.app_state.streams.count == 1

        async def given_up() -> None:
            # Socket buffers absorb some megabytes before the server sees that the client reads nothing.
            progress = orjson.dumps({"current": 1, "total": None, "message": message})
            await store.leases.report_progress(lease, progress)
            assert (running.app_state.streams.count, running.change_feed(store)._count) == (0, 0)

        await eventually(given_up, 60)
        assert running.server.server_state.connections == set()


async def test_a_request_deadline_does_not_end_a_stream(
    running: Running, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_MARGIN", 0.0)
    id = await submit(store)
    ends = Clock().monotonic() + 2 * SECONDS

    def over() -> None:
        assert Clock().monotonic() > ends

    async with following(running, f"/v1/jobs/{id}/events") as stream:
        await anext(stream)
        await eventually(over)
        await claim(store)
        assert (await anext(stream)).data["state"] == "running"


async def test_a_stream_reports_an_outage_of_redis_and_ends(
    tmp_path: Path, server_binary: Path, namespace: str
) -> None:
    with EmbeddedServer(tmp_path, server_binary) as server:
        redis = connect(server.url)
        store = Namespace(redis, namespace, DAY)
        stream = StatusReads(store, await submit(store)).follow()
        assert [await after(stream) for _ in range(2)][1].startswith(b"id: 1\n")
        server.kill()
        (said,) = [text async for text in stream]
        assert said.startswith(b"retry: 5000\nevent: unavailable\ndata: ")
        assert orjson.loads(said.split(b"data: ")[1])["code"] == "backend_unavailable"
        await store.change_feed.close()
        await redis.aclose()


async def test_a_stream_without_http_reading_whole_ends_with_its_job(api: Api, store: Namespace) -> None:
    id, _ = await job_in(store, State.SUCCEEDED)
    response: httpx.Response = await api.http.get(f"/v1/jobs/{id}/events")
    assert response.text.startswith("retry: 2000\n\nid: 3\ndata: ")
    assert api.app.state.app_state.streams.count == 0
