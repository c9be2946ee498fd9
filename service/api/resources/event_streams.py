"""Event streams (SSE): the current resource, then each change, until it finishes.

Triage stores no events: an event is a snapshot of the resource, and its id is the resource's version.
Versions increase and may have gaps, and a client that resumes from the last one gets the current state.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import orjson
from fastapi import Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.api.context import RequestContext
from service.api.requests.long_polls import CHECK_SECONDS
from service.api.requests.stream_limits import Holder, Places
from service.api.responses.errors import ScopeMissing, Unauthenticated
from service.clock import Clock
from service.domain.errors import NotFound, TriageError
from service.store.changes.change_feed import ChangeFeed

_RETRY_MS = 2_000
_RETRY_AWAY_MS = 5_000
_HEARTBEAT = b":\n\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A resource at one version; `data` is the content of its event."""

    version: int
    ended: bool
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StreamTiming:
    """In seconds: heartbeat interval, pause between reads, a stream's lifetime, credential check interval."""

    heartbeat: float = 15.0
    pause: float = 0.25
    whole: float = 3_600.0
    check: float = CHECK_SECONDS


ReadSnapshot = Callable[[], Awaitable[Snapshot | None]]
Check = Callable[[], Awaitable[None]]


class EventStream(StreamingResponse):
    """Counts as an open stream from its creation until it closes, for whatever reason."""

    media_type = "text/event-stream"

    def __init__(self, streams: Places, holder: Holder, events: AsyncGenerator[bytes]) -> None:
        """Raises TooManyStreams, TooManyStreamsOfKey."""
        # nginx, often used as an Ingress, would otherwise buffer events.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._streams = streams
        self._holder = holder
        self._events = events
        streams.take(holder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.give_back(self._holder)
            await self._events.aclose()


async def stream(
    context: RequestContext, id: str, read_snapshot: ReadSnapshot, last_event_id: str | None
) -> Response:
    """Respond with the stream, or with 204 if the client has the last event, which stops it reconnecting.

    Raises NotFound, TooManyStreams and TooManyStreamsOfKey.
    """
    found = await read_snapshot()
    if found is None:
        raise NotFound()
    if found.ended and str(found.version) == last_event_id:
        return Response(status_code=204)

    async def in_turn() -> Snapshot | None:
        async with context.app_state.stream_reads:
            return await read_snapshot()

    events = follow(
        context.namespace.change_feed,
        id,
        in_turn,
        last_event_id,
        context.app_state.clock,
        StreamTiming(),
        context.check,
    )
    return EventStream(context.app_state.streams, context.holder, events)


async def follow(
    change_feed: ChangeFeed,
    id: str,
    read_snapshot: ReadSnapshot,
    known: str | None,
    clock: Clock,
    timing: StreamTiming,
    check: Check,
) -> AsyncGenerator[bytes]:
    """Yield the text of the stream for a client that has seen the version `known`.

    `check` raises when the client's credentials are no longer valid.
    """
    checked, sent = clock.monotonic(), 0
    until = checked + timing.whole
    yield b"retry: %d\n\n" % _RETRY_MS
    try:
        while True:
            async with change_feed.watch(id) as changed:
                while not changed.lost:
                    changed.clear()
                    found = await read_snapshot()
                    if found is None:
                        yield closing("deleted")
                        return
                    if found.version < sent:
                        return  # Redis has lost writes; a new stream starts over with its versions
                    if found.version > sent and str(found.version) != known:
                        yield _event(found)
                    sent, known = found.version, None
                    if found.ended:
                        return
                    if changed.last:
                        yield closing("shutdown")
                        return
                    # Limits how often a resource that changes all the time is read.
                    await asyncio.sleep(timing.pause)
                    silent_since = clock.monotonic()
                    while (now := clock.monotonic()) < until:
                        if now - checked >= timing.check:
                            await check()
                            checked = now
                        if now - silent_since >= timing.heartbeat:
                            yield _HEARTBEAT
                            silent_since = now
                        if await set_within(changed, min(timing.heartbeat, timing.check)):
                            break
                    else:
                        return
    except (Unauthenticated, ScopeMissing) as error:
        yield closing("unauthorized", {"code": error.code}, _RETRY_AWAY_MS)
    except TriageError as error:
        yield closing("unavailable", {"code": error.code}, _RETRY_AWAY_MS)


async def set_within(changed: asyncio.Event, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(changed.wait(), seconds)
    return changed.is_set()


def _event(snapshot: Snapshot) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (snapshot.version, orjson.dumps(snapshot.data))


def closing(name: str, data: dict[str, Any] | None = None, retry_ms: int | None = None) -> bytes:
    """The last event of a stream with an unfinished resource; without an id, so clients keep the last one."""
    retry = b"" if retry_ms is None else b"retry: %d\n" % retry_ms
    return b"%sevent: %s\ndata: %s\n\n" % (retry, name.encode(), orjson.dumps(data or {}))
