"""An event stream without HTTP: how often it reads, its keep-alives, and when it ends."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from service.api.resources.streams.event_streams import Snapshot, StreamTiming, follow
from service.api.responses.errors import CredentialRefused
from service.store.namespace import Namespace
from tests.api.events import StatusReads, after
from tests.support.eventually import eventually
from tests.support.factories import claim, submit
from tests.support.manual_clock import ManualClock


async def test_a_silent_stream_sends_keep_alives_and_reads_nothing_from_redis(store: Namespace) -> None:
    reads = StatusReads(store, await submit(store))
    stream = reads.follow(StreamTiming(heartbeat=0.01, pause=0))
    assert await after(stream) == b"retry: 2000\n\n"
    assert await after(stream) == b'id: 1\ndata: {"state":"queued"}\n\n'
    client: Any = store.scripts.redis
    before = (await client.info("stats"))["total_commands_processed"]
    assert {await after(stream) for _ in range(5)} == {b":\n\n"}
    assert (await client.info("stats"))["total_commands_processed"] - before == 1
    assert reads.count == 1
    await stream.aclose()


async def first_keep_alive(stream: AsyncGenerator[bytes], clock: ManualClock) -> None:
    """The stream of a queued job, read up to the first keep-alive, a fraction of a second after it began."""
    assert [await after(stream) for _ in range(2)][1] == b'id: 1\ndata: {"state":"queued"}\n\n'
    keep_alive = asyncio.ensure_future(after(stream))

    def silent() -> None:
        clock.advance(0.02)
        assert keep_alive.done()

    await eventually(silent)
    assert keep_alive.result() == b":\n\n"


async def test_a_silent_stream_checks_its_credentials_every_two_seconds(store: Namespace) -> None:
    reads, clock = StatusReads(store, await submit(store)), ManualClock()
    began, timing = clock.monotonic(), StreamTiming(heartbeat=0.01, pause=0)
    stream = follow(store.change_feed, reads.id, reads, None, clock, timing, reads.check)
    await first_keep_alive(stream, clock)
    for at, checks in ((1.9, 0), (2.1, 1), (4.0, 1), (4.2, 2)):
        clock.advance(began + at - clock.monotonic())
        assert (await after(stream), reads.checks) == (b":\n\n", checks)
    reads.refusal = CredentialRefused()
    clock.advance(2.1)
    text = b'retry: 5000\nevent: unauthorized\ndata: {"code":"unauthenticated"}\n\n'
    assert [await after(stream), *[rest async for rest in stream]] == [text]


async def test_a_stream_ends_after_its_time_whether_silent_or_not(store: Namespace) -> None:
    reads, clock = StatusReads(store, await submit(store)), ManualClock()
    timing = StreamTiming(heartbeat=0.01, pause=0, whole=60)
    quiet = follow(store.change_feed, reads.id, reads, None, clock, timing, reads.check)
    await first_keep_alive(quiet, clock)
    clock.advance(59)
    assert await after(quiet) == b":\n\n"
    clock.advance(1)
    assert [text async for text in quiet] == []
    busy = [text async for text in reads.follow(StreamTiming(pause=0, whole=0))]
    assert busy[-1].startswith(b"id: 1\n")


async def test_a_job_deleted_between_two_reads_is_reported(store: Namespace) -> None:
    reads = StatusReads(store, "job_1", Snapshot(7, False, {}), None)
    stream = reads.follow()
    assert [await after(stream) for _ in range(2)][1] == b"id: 7\ndata: {}\n\n"
    await reads.change()
    assert [text async for text in stream] == [b"event: deleted\ndata: {}\n\n"]


async def test_versions_never_go_back_within_a_stream(store: Namespace) -> None:
    """A failover can lower the version, if the replica had not received the last writes."""
    reads = StatusReads(store, "job_1", Snapshot(7, False, {}), Snapshot(5, False, {}))
    stream = reads.follow()
    assert [await after(stream) for _ in range(2)][1] == b"id: 7\ndata: {}\n\n"
    await reads.change()
    assert [text async for text in stream] == []


async def test_a_lost_subscription_is_renewed(store: Namespace) -> None:
    reads = StatusReads(store, await submit(store))
    streams = [reads.follow() for _ in range(40)]
    for stream in streams:
        assert [await after(stream) for _ in range(2)][1].startswith(b"id: 1\n")
    client: Any = store.scripts.redis
    subscriber = store.change_feed._subscriber
    first = subscriber._task
    await client.client_kill_filter(_type="pubsub")
    following = [asyncio.ensure_future(after(stream)) for stream in streams]

    def anew() -> None:
        assert subscriber._task is not first
        assert all(channel.confirmed.is_set() for channel in subscriber._channels.values())
        assert len(subscriber._channels) == 1

    await eventually(anew)
    await claim(store)
    assert {text[:6] for text in await asyncio.gather(*following)} == {b"id: 2\n"}
    for stream in streams:
        await stream.aclose()
    assert (store.change_feed._count, store.change_feed._announced) == (0, set())
