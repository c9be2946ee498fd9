"""The event stream of a namespace or a queue: complete, resumable, and honest about gaps."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from service.api.resources.event_feed import Wanted, follow
from service.api.resources.event_streams import StreamTiming
from service.api.responses.errors import CredentialRefused
from service.clock import Clock
from service.domain.event import Event, Gap, Position
from service.domain.fan_out import MEMBERS, FanOutSpec, Item
from service.domain.flow import FlowSpec, Node
from service.domain.job_spec import JobSpec
from service.store.changes import event_log
from service.store.changes.event_log import EventLog, Stream
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.api.client import Api, problem
from tests.api.events import after, following
from tests.api.running import Running
from tests.support.eventually import eventually
from tests.support.factories import HOPELESS, IDS, OK, claim, finish, submit


@pytest.fixture
async def log(store: Namespace) -> AsyncGenerator[EventLog]:
    yield store.event_log
    await store.event_log.close()


async def ready(stream: Any) -> str:
    first = await anext(stream)
    assert (first.name, first.data) == ("ready", {})
    return first.id


async def take(stream: Stream, count: int) -> list[tuple[Position, Event | Gap]]:
    """The next changes, however many steps it takes."""
    found: list[tuple[Position, Event | Gap]] = []

    async def enough() -> None:
        found.extend(await stream.take())
        assert len(found) >= count

    await eventually(enough)
    assert len(found) == count
    return found


async def test_a_namespace_is_followed_with_ids_and_states(running: Running, store: Namespace) -> None:
    async with following(running, "/v1/events") as stream:
        await ready(stream)
        id = await submit(store, payload=b'{"card":"4111"}', queue="bulk")
        seen = [(await anext(stream)).data]
        lease = (await claim(store)).leases[0]
        seen.append((await anext(stream)).data)
        await finish(store, lease, HOPELESS)
        seen.append((await anext(stream)).data)
    assert [event["type"] for event in seen] == ["job.queued", "job.running", "job.dead"]
    assert [event["version"] for event in seen] == [1, 2, 3]
    assert {key: value for key, value in seen[2].items() if key not in ("at", "version")} == {
        "type": "job.dead", "object": "job", "id": id, "state": "dead", "state_reason": "non_retryable",
        "queue": "bulk", "name": "work", "group_id": None,
    }  # fmt: skip


async def test_groups_and_queues_have_events(running: Running, store: Namespace) -> None:
    flow, fan_out = IDS.new("flow", members=1), IDS.new("fan", members=MEMBERS)
    async with following(running, "/v1/events?types=flow,fan_out.succeeded,queue,job.succeeded") as stream:
        await ready(stream)
        await store.flows.create(flow, FlowSpec("invoice", {"a": Node(JobSpec("work"), ())}), None)
        await finish(store, (await claim(store)).leases[0], OK)
        await store.fan_outs.create(fan_out, FanOutSpec(JobSpec("work", queue="bulk"), whole=False), 0, None)
        await store.fan_outs.add_items(fan_out, [Item(0, b"{}")])
        await store.fan_outs.seal(fan_out, 1)
        await finish(store, (await claim(store)).leases[0], OK)
        await store.queues.pause("bulk")
        seen: list[Any] = []
        while not seen or seen[-1]["object"] != "queue":
            seen.append((await anext(stream)).data)
    ends = {
        (event["type"], event["id"], event["queue"], event["name"])
        for event in seen
        if event["object"] != "job"
    }
    assert ends >= {
        ("flow.succeeded", flow, None, "invoice"),
        ("fan_out.succeeded", fan_out, "bulk", "work"),
        ("queue.paused", "bulk", "bulk", None),
    }
    assert [event["group_id"] for event in seen if event["type"] == "job.succeeded"] == [flow, fan_out]


async def test_a_queue_is_followed_without_the_others(running: Running, store: Namespace) -> None:
    async with following(running, "/v1/events?queue=bulk") as stream:
        await ready(stream)
        await submit(store)
        id = await submit(store, queue="bulk")
        assert (await anext(stream)).data["id"] == id


async def test_a_client_that_reconnects_gets_what_it_missed(running: Running, store: Namespace) -> None:
    async with following(running, "/v1/events") as stream:
        await ready(stream)
        await submit(store)
        last = (await anext(stream)).id
    missed = [await submit(store), await submit(store)]
    async with following(running, "/v1/events", str(last)) as stream:
        assert [(await anext(stream)).data["id"] for _ in missed] == missed


async def test_changes_that_are_no_longer_kept_are_a_gap(running: Running, store: Namespace) -> None:
    async with following(running, "/v1/events", "1764235812480000-0") as stream:
        gap = await anext(stream)
        assert (gap.name, gap.data) == ("gap", {"reason": "too_old"})
        id = await submit(store)
        assert (await anext(stream)).data["id"] == id


async def test_a_change_while_no_process_watches_is_a_gap(log: EventLog, store: Namespace) -> None:
    async with log.follow(None) as stream:
        position = stream.position
    await log.close()
    client: Any = store.scripts.redis
    await client.delete(keys.watched(store.scripts.prefix))
    await submit(store)
    async with EventLog(store.scripts, store.change_feed).follow(position) as stream:
        assert [change for _, change in await take(stream, 1)] == [Gap("not_recorded")]
        await stream._log.close()


async def test_a_slow_client_loses_changes_and_no_memory(
    log: EventLog, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "KEPT", 4)
    async with log.follow(None) as slow, log.follow(None) as quick:
        for _ in range(3):
            await submit(store)
            await take(quick, 1)
        await take(slow, 3)
        for _ in range(6):
            await submit(store)
            await take(quick, 1)
        assert [change for _, change in await slow.take()] == [Gap("too_slow")]
        id = await submit(store)
        ((_, event),) = await take(slow, 1)
        assert isinstance(event, Event)
        assert event.id == id
        assert len(slow._reader.changes) == 4


async def test_older_changes_come_from_redis_and_each_once(
    log: EventLog, store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "KEPT", 2)
    monkeypatch.setattr(event_log, "ENTRIES", 3)
    async with log.follow(None) as first:
        began = first.position
        ids = [await submit(store) for _ in range(8)]
        await eventually(lambda: _assert(first._reader.last > began and len(first._reader.changes) == 2))
        async with log.follow(began) as second:
            ids.append(await submit(store))
            changes = await take(second, 9)
    assert [getattr(change, "id", None) for _, change in changes] == ids
    assert [place for place, _ in changes] == sorted({place for place, _ in changes})


def _assert(condition: bool) -> None:
    assert condition


async def test_a_large_call_is_recorded_in_full_and_the_log_is_bounded(
    log: EventLog, store: Namespace
) -> None:
    async with log.follow(None) as stream:
        ids = [await submit(store) for _ in range(60)]
        await take(stream, 60)
        await store.jobs.cancel(ids, 0)
        changes = await take(stream, 60)
    assert {getattr(change, "id", None) for _, change in changes} == set(ids)
    client: Any = store.scripts.redis
    # 60 submissions, a call in portions of 25, and the beginning.
    assert await client.zcard(keys.events(store.scripts.prefix)) == 64
    assert 0 < await client.ttl(keys.events(store.scripts.prefix)) <= 600


async def test_without_a_stream_nothing_is_recorded(store: Namespace) -> None:
    await submit(store)
    client: Any = store.scripts.redis
    async with store.change_feed.watch("job_1"):
        await submit(store)
    assert await client.exists(keys.events(store.scripts.prefix)) == 0


async def test_a_reader_survives_a_lost_subscription(log: EventLog, store: Namespace) -> None:
    async with log.follow(None) as stream:
        client: Any = store.scripts.redis
        await client.client_kill_filter(_type="pubsub")
        id = await submit(store)
        ((_, event),) = await take(stream, 1)
        assert getattr(event, "id", None) == id


async def test_a_reader_ends_some_time_after_its_last_stream(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_log, "IDLE_SECONDS", 0.01)
    async with log.follow(None) as stream:
        reader = stream._reader
    await eventually(lambda: _assert(reader.closing))
    async with log.follow(None) as stream:
        assert stream._reader is not reader


class Refusal:
    def __init__(self) -> None:
        self.refused = False

    async def __call__(self) -> None:
        if self.refused:
            raise CredentialRefused()


async def test_a_stream_says_where_it_is_and_ends_with_its_credentials(
    log: EventLog, store: Namespace
) -> None:
    check = Refusal()
    timing = StreamTiming(heartbeat=0.01, check=0.02)
    stream = follow(log, Wanted("quiet", ()), None, Clock(), timing, check)
    assert await after(stream) == b"retry: 2000\n\n"
    began = (await after(stream)).split(b"\n")[0]
    await submit(store)

    async def moved() -> None:
        keep_alive = await after(stream)
        assert keep_alive.startswith(b"id: ")
        assert keep_alive.strip() != began

    await eventually(moved, interval=0)
    check.refused = True
    texts = [text async for text in stream]
    assert texts[-1] == b'retry: 5000\nevent: unauthorized\ndata: {"code":"unauthenticated"}\n\n'


async def test_streams_end_when_the_process_stops(log: EventLog, store: Namespace) -> None:
    stream = follow(log, Wanted(None, ()), None, Clock(), StreamTiming(), Refusal())
    for _ in range(2):
        await after(stream)
    store.change_feed.release()
    assert [text async for text in stream] == [b"event: shutdown\ndata: {}\n\n"]


async def test_unknown_types_are_refused(api: Api) -> None:
    response = problem(await api.http.get("/v1/events?types=job.ded,queue"), 422, "validation_failed")
    assert response["errors"][0]["message"].startswith("unknown: job.ded; known: fan_out, fan_out.cancelled,")


async def test_many_streams_share_one_reader(running: Running, store: Namespace) -> None:
    async with contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(following(running, "/v1/events")) for _ in range(4)]
        for stream in streams:
            await ready(stream)
        client: Any = store.scripts.redis
        assert (await client.info("clients"))["pubsub_clients"] == 1
        id = await submit(store)
        seen = await asyncio.gather(*[anext(stream) for stream in streams])
        assert {event.data["id"] for event in seen} == {id}
