"""Event streams: what they say of a job, a flow or a fan-out, and how they end."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from service.api.requests import protocol
from service.api.resources import event_streams
from service.api.resources.event_streams import Snapshot, StreamTiming, follow
from service.api.responses.errors import CredentialRefused
from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import Edge, FlowSpec, Node
from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.changes import change_feed
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.redis.connect import connect
from service.store.redis.embedded import EmbeddedServer
from service.tasks import within
from tests.api.client import Api, problem
from tests.api.keys import authorization
from tests.api.running import SECONDS, Running, serve
from tests.support.eventually import eventually
from tests.support.factories import DAY, HOPELESS, IDS, OK, claim, finish, job_in, submit
from tests.support.manual_clock import ManualClock

AT_ONCE = StreamTiming(heartbeat=20, pause=0)


@dataclass(frozen=True)
class Event:
    name: str | None
    id: int | None
    data: Any


async def parse(lines: AsyncIterator[str]) -> AsyncGenerator[Event]:
    fields: dict[str, str] = {}
    async for line in lines:
        name, _, value = line.partition(": ")
        if line:
            fields[name] = value
            continue
        if "data" in fields:
            id = int(fields["id"]) if "id" in fields else None
            yield Event(fields.get("event"), id, orjson.loads(fields["data"]))
        fields = {}


@contextlib.asynccontextmanager
async def following(running: Running, path: str, last: str | None = None) -> AsyncGenerator[Any]:
    """The events of an open stream, each within ten seconds."""
    headers = {} if last is None else {"Last-Event-ID": last}
    async with running.client() as http, http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        found = parse(answer.aiter_lines())

        async def following() -> AsyncGenerator[Event]:
            while True:
                try:
                    yield await asyncio.wait_for(anext(found), 10)
                except StopAsyncIteration:
                    return

        yield following()


def rising(seen: Iterable[Event]) -> list[int]:
    versions = [event.id for event in seen if event.id is not None]
    assert versions == sorted(set(versions))
    return versions


async def test_a_job_is_followed_from_its_submission_to_its_end(running: Running, stores: Namespace) -> None:
    id = await submit(stores, payload=b'{"card":"4111"}')
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        seen = [await anext(stream)]
        lease = (await claim(stores)).leases[0]
        seen.append(await anext(stream))
        await stores.leases.report_progress(lease, b'{"current":1,"total":2,"message":null}')
        seen.append(await anext(stream))
        await finish(stores, lease, OK)
        seen += [event async for event in stream]
    assert [event.data["state"] for event in seen] == ["queued", "running", "running", "succeeded"]
    assert seen[2].data["progress"] == {"current": 1, "total": 2, "message": None}
    assert rising(seen) == [1, 2, 3, 4] == [event.data["version"] for event in seen]
    assert all(event.name is None and set(event.data) == set(seen[0].data) for event in seen)
    assert set(seen[0].data) == {"id", "object", "version", "state", "state_reason", "progress"}


async def test_a_flow_is_followed_to_its_end(running: Running, stores: Namespace) -> None:
    id = IDS.new("flow", members=2)
    nodes = {"a": Node(JobSpec("work")), "b": Node(JobSpec("work"), (Edge("a"),))}
    await stores.flows.create(id, FlowSpec("flow", nodes), None)
    async with following(running, f"/v1/flows/{id}/events") as stream:
        seen = [await anext(stream)]
        for _ in nodes:
            await finish(stores, (await claim(stores)).leases[0], OK)
        seen += [event async for event in stream]
    assert seen[0].data["counts"]["blocked"] == 1
    assert (seen[-1].data["object"], seen[-1].data["state"]) == ("flow", "succeeded")
    assert seen[-1].data["counts"]["succeeded"] == 2
    assert len(rising(seen)) == len(seen) >= 2


async def test_a_fan_out_is_followed_from_open_to_its_end(running: Running, stores: Namespace) -> None:
    id = IDS.new("fan", members=MEMBERS)
    await stores.fan_outs.open(id, FanOutSpec(JobSpec("work"), whole=False), 0, None)
    async with following(running, f"/v1/fan-outs/{id}/events") as stream:
        seen = [await anext(stream)]
        await stores.fan_outs.fill(id, [Item(0, b"{}"), Item(1, b"{}")])
        seen.append(await anext(stream))
        await stores.fan_outs.seal(id, 2)
        for outcome in (OK, HOPELESS):
            await finish(stores, (await claim(stores)).leases[0], outcome)
        seen += [event async for event in stream]
    assert [event.data["state"] for event in seen[:2]] == ["open", "open"]
    assert [event.data["counts"]["total"] for event in seen[:2]] == [0, 2]
    assert (seen[-1].data["object"], seen[-1].data["state"]) == ("fan_out", "failed")
    assert len(rising(seen)) == len(seen)


async def test_a_client_that_comes_back_gets_nothing_twice(running: Running, stores: Namespace) -> None:
    id = await submit(stores)
    async with following(running, f"/v1/jobs/{id}/events", "1") as stream:
        lease = (await claim(stores)).leases[0]
        assert (await anext(stream)).id == 2
    await finish(stores, lease, OK)
    for known in ("2", "1", "99", "nonsense"):
        async with following(running, f"/v1/jobs/{id}/events", known) as stream:
            assert [(event.id, event.data["state"]) async for event in stream] == [(3, "succeeded")]
    async with running.client() as http:
        answer = await http.get(f"/v1/jobs/{id}/events", headers={"Last-Event-ID": "3"})
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_dead_job_that_runs_again_goes_on_counting(running: Running, stores: Namespace) -> None:
    id, _ = await job_in(stores, State.DEAD)
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        (dead,) = [event async for event in stream]
    await stores.jobs.redrive([id], 0, b"", "")
    async with following(running, f"/v1/jobs/{id}/events", str(dead.id)) as stream:
        again = await anext(stream)
    assert (dead.data["state"], again.data["state"]) == ("dead", "queued")
    rising([dead, again])


async def test_what_does_not_exist_is_a_problem_before_a_stream_begins(running: Running) -> None:
    async with running.client() as http:
        for path in ("jobs/job_", "flows/flow_", "fan-outs/fan_"):
            problem(await http.get(f"/v1/{path}{'7' + 'Z' * 25}/events"), 404, "not_found")


async def test_a_client_that_goes_away_frees_its_stream(running: Running, stores: Namespace) -> None:
    id = await submit(stores)
    path = f"/v1/jobs/{id}/events"
    async with following(running, path) as one, following(running, path) as other:
        await anext(one)
        await anext(other)
        channel = stores.scripts.prefix + keys.CHANGES
        client: Any = stores.scripts.redis
        assert (await client.pubsub_numsub(channel))[0][1] == 1
        assert (running.app_state.streams.count, running.change_feed(stores)._count) == (2, 2)

    def free() -> None:
        assert (running.app_state.streams.count, running.change_feed(stores)._count) == (0, 0)

    await eventually(free)


async def test_a_stopping_server_ends_its_streams(running: Running, stores: Namespace) -> None:
    id = await submit(stores)
    async with following(running, f"/v1/jobs/{id}/events") as stream:
        assert (await anext(stream)).data["state"] == "queued"
        running.server.should_exit = True
        assert [event async for event in stream] == [Event("shutdown", None, {})]
    await asyncio.wait_for(running.task, 5)


async def test_streams_are_bounded(running: Running, stores: Namespace) -> None:
    running.app_state.streams.most = 1
    path = f"/v1/jobs/{await submit(stores)}/events"
    async with following(running, path) as stream, running.client() as http:
        await anext(stream)
        answer = await within(5, http.get(path))
        assert problem(answer, 503, "too_many_streams")["retryable"]
        assert answer.headers["retry-after"] == "1"


async def test_streams_of_a_key_are_bounded(redis_url: str, stores: Namespace) -> None:
    path = f"/v1/jobs/{await submit(stores)}/events"
    async with serve(redis_url, stores.scripts.namespace, auth="required") as running:
        running.app_state.streams.most_of_holder = 2
        greedy, modest = [
            await authorization(stores.scripts.redis, stores.scripts.namespace) for _ in range(2)
        ]
        async with contextlib.AsyncExitStack() as stack:
            http = await stack.enter_async_context(running.client())
            opened = [await stack.enter_async_context(_open(http, path, greedy)) for _ in range(2)]
            refused = await within(5, http.get(path, headers=greedy))
            assert problem(refused, 429, "too_many_streams")["detail"].startswith("Too many open event")
            assert refused.headers["retry-after"] == "1"
            opened.append(await stack.enter_async_context(_open(http, path, modest)))
            assert [answer.status_code for answer in opened] == [200, 200, 200]
            await opened[0].aclose()

            def freed() -> None:
                assert running.app_state.streams.count == 2

            await eventually(freed)
            again = await stack.enter_async_context(_open(http, path, greedy))
            assert again.status_code == 200


def _open(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> Any:
    return http.stream("GET", path, headers=headers)


async def test_a_client_that_reads_no_more_loses_its_stream(
    running: Running, stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "TAKE_SECONDS", 0.5)
    monkeypatch.setattr(event_streams, "StreamTiming", lambda: AT_ONCE)
    id = await submit(stores)
    lease = (await claim(stores)).leases[0]
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
            # What the network holds for a client counts as taken: some megabytes.
            progress = orjson.dumps({"current": 1, "total": None, "message": message})
            await stores.leases.report_progress(lease, progress)
            assert (running.app_state.streams.count, running.change_feed(stores)._count) == (0, 0)

        await eventually(given_up, 60)
        assert running.server.server_state.connections == set()


async def test_a_request_deadline_does_not_end_a_stream(
    running: Running, stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "_MARGIN", 0.0)
    id = await submit(stores)
    ends = Clock().monotonic() + 2 * SECONDS

    def over() -> None:
        assert Clock().monotonic() > ends

    async with following(running, f"/v1/jobs/{id}/events") as stream:
        await anext(stream)
        await eventually(over)
        await claim(stores)
        assert (await anext(stream)).data["state"] == "running"


# What follows is the stream without HTTP.


class Looks:
    """Looks at a job, counted; what is in `scripted` comes first."""

    def __init__(self, stores: Namespace, id: str, *scripted: Snapshot | None) -> None:
        self._stores, self.id, self._scripted = stores, id, list(scripted)
        self.count = self.checks = 0
        self.refusal: TriageError | None = None

    async def __call__(self) -> Snapshot | None:
        self.count += 1
        if self._scripted:
            return self._scripted.pop(0)
        job = await self._stores.queries.job_status(self.id)
        assert job is not None
        return Snapshot(job.version, False, {"state": job.state})

    def follow(self, timing: StreamTiming = AT_ONCE) -> AsyncGenerator[bytes]:
        return follow(self._stores.change_feed, self.id, self, None, Clock(), timing, self.check)

    async def check(self) -> None:
        self.checks += 1
        if self.refusal is not None:
            raise self.refusal

    async def change(self) -> None:
        client: Any = self._stores.scripts.redis
        await client.publish(self._stores.scripts.prefix + keys.CHANGES, self.id)


async def after(stream: AsyncGenerator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(stream), 10)


async def test_a_silent_stream_beats_and_asks_redis_nothing(stores: Namespace) -> None:
    looks = Looks(stores, await submit(stores))
    stream = looks.follow(StreamTiming(heartbeat=0.01, pause=0))
    assert await after(stream) == b"retry: 2000\n\n"
    assert await after(stream) == b'id: 1\ndata: {"state":"queued"}\n\n'
    client: Any = stores.scripts.redis
    before = (await client.info("stats"))["total_commands_processed"]
    assert {await after(stream) for _ in range(5)} == {b":\n\n"}
    assert (await client.info("stats"))["total_commands_processed"] - before == 1
    assert looks.count == 1
    await stream.aclose()


async def first_beat(stream: AsyncGenerator[bytes], clock: ManualClock) -> None:
    """The stream of a job that is queued, up to its first silence, a fraction of a second after its begin."""
    assert [await after(stream) for _ in range(2)][1] == b'id: 1\ndata: {"state":"queued"}\n\n'
    beat = asyncio.ensure_future(after(stream))

    def silent() -> None:
        clock.advance(0.02)
        assert beat.done()

    await eventually(silent)
    assert beat.result() == b":\n\n"


async def test_a_silent_stream_checks_its_credentials_every_two_seconds(stores: Namespace) -> None:
    looks, clock = Looks(stores, await submit(stores)), ManualClock()
    began, timing = clock.monotonic(), StreamTiming(heartbeat=0.01, pause=0)
    stream = follow(stores.change_feed, looks.id, looks, None, clock, timing, looks.check)
    await first_beat(stream, clock)
    for at, checks in ((1.9, 0), (2.1, 1), (4.0, 1), (4.2, 2)):
        clock.advance(began + at - clock.monotonic())
        assert (await after(stream), looks.checks) == (b":\n\n", checks)
    looks.refusal = CredentialRefused()
    clock.advance(2.1)
    text = b'retry: 5000\nevent: unauthorized\ndata: {"code":"unauthenticated"}\n\n'
    assert [await after(stream), *[rest async for rest in stream]] == [text]


async def test_a_stream_ends_after_its_time_whether_silent_or_not(stores: Namespace) -> None:
    looks, clock = Looks(stores, await submit(stores)), ManualClock()
    timing = StreamTiming(heartbeat=0.01, pause=0, whole=60)
    quiet = follow(stores.change_feed, looks.id, looks, None, clock, timing, looks.check)
    await first_beat(quiet, clock)
    clock.advance(59)
    assert await after(quiet) == b":\n\n"
    clock.advance(1)
    assert [text async for text in quiet] == []
    busy = [text async for text in looks.follow(StreamTiming(pause=0, whole=0))]
    assert busy[-1].startswith(b"id: 1\n")


async def test_what_is_deleted_between_two_looks_is_said(stores: Namespace) -> None:
    looks = Looks(stores, "job_1", Snapshot(7, False, {}), None)
    stream = looks.follow()
    assert [await after(stream) for _ in range(2)][1] == b"id: 7\ndata: {}\n\n"
    await looks.change()
    assert [text async for text in stream] == [b"event: deleted\ndata: {}\n\n"]


async def test_versions_never_go_back_within_a_stream(stores: Namespace) -> None:
    """They can when a replica takes over that had not got the last writes."""
    looks = Looks(stores, "job_1", Snapshot(7, False, {}), Snapshot(5, False, {}))
    stream = looks.follow()
    assert [await after(stream) for _ in range(2)][1] == b"id: 7\ndata: {}\n\n"
    await looks.change()
    assert [text async for text in stream] == []


async def test_a_lost_subscription_is_made_anew(stores: Namespace) -> None:
    looks = Looks(stores, await submit(stores))
    streams = [looks.follow() for _ in range(40)]
    for stream in streams:
        assert [await after(stream) for _ in range(2)][1].startswith(b"id: 1\n")
    client: Any = stores.scripts.redis
    subscriber = stores.change_feed._subscriber
    first = subscriber._task
    await client.client_kill_filter(_type="pubsub")
    following = [asyncio.ensure_future(after(stream)) for stream in streams]

    def anew() -> None:
        assert subscriber._task is not first
        assert all(channel.confirmed.is_set() for channel in subscriber._channels.values())
        assert len(subscriber._channels) == 1

    await eventually(anew)
    await claim(stores)
    assert {text[:6] for text in await asyncio.gather(*following)} == {b"id: 2\n"}
    for stream in streams:
        await stream.aclose()
    assert (stores.change_feed._count, stores.change_feed._announced) == (0, set())


async def test_what_many_watch_is_announced_once(stores: Namespace) -> None:
    client: Any = stores.scripts.redis
    async with stores.change_feed.watch("job_1"):
        before = (await client.info("stats"))["total_commands_processed"]
        async with stores.change_feed.watch("job_1"):
            assert (await client.info("stats"))["total_commands_processed"] - before == 1
        assert stores.change_feed._announced == {"job_1"}
    assert stores.change_feed._announced == set()


async def test_what_is_watched_for_long_stays_announced(
    stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "_RENEW_SECONDS", 0.1)
    client: Any = stores.scripts.redis
    async with stores.change_feed.watch("job_1"):
        # As if it were long ago.
        await client.zadd(keys.watched(stores.scripts.prefix), {"job_1": 1})

        async def renewed() -> None:
            assert await client.zscore(keys.watched(stores.scripts.prefix), "job_1") > 1

        await eventually(renewed)


async def test_a_process_that_stood_still_looks_again(
    stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(change_feed, "_RENEW_SECONDS", 0.1)
    monkeypatch.setattr(change_feed, "_ENTRY_SECONDS", 1)
    async with stores.change_feed.watch("job_1") as changed:
        await asyncio.wait_for(changed.wait(), 10)
    assert not changed.lost


async def test_a_stream_says_when_redis_is_away_and_ends(
    tmp_path: Path, server_binary: Path, namespace: str
) -> None:
    with EmbeddedServer(tmp_path, server_binary) as server:
        redis = connect(server.url)
        stores = Namespace(redis, namespace, DAY)
        stream = Looks(stores, await submit(stores)).follow()
        assert [await after(stream) for _ in range(2)][1].startswith(b"id: 1\n")
        server.kill()
        (said,) = [text async for text in stream]
        assert said.startswith(b"retry: 5000\nevent: unavailable\ndata: ")
        assert orjson.loads(said.split(b"data: ")[1])["code"] == "backend_unavailable"
        await stores.change_feed.close()
        await redis.aclose()


async def test_a_stream_without_http_reading_whole_ends_with_its_job(api: Api, stores: Namespace) -> None:
    id, _ = await job_in(stores, State.SUCCEEDED)
    answer: httpx.Response = await api.http.get(f"/v1/jobs/{id}/events")
    assert answer.text.startswith("retry: 2000\n\nid: 3\ndata: ")
    assert api.app.state.app_state.streams.count == 0
