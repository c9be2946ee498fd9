"""The event stream of a namespace or a queue: every change, without payloads.

Other streams send snapshots of one resource, so they can resume from any version. This one resumes from its
position in the log of changes, and says when changes are missing.
"""

from collections.abc import AsyncGenerator, Collection
from typing import Any

import orjson
from fastapi import Response

from service.api.context import RequestContext
from service.api.resources.event_streams import Check, EventStream, StreamTiming, closing, set_within
from service.api.responses import rendering
from service.api.responses.errors import ScopeMissing, Unauthenticated
from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.event import Event, Gap, Position
from service.store.changes.event_log import EventLog, Stream

_RETRY_MS = 2_000
_RETRY_AWAY_MS = 5_000


class Wanted:
    """The events that a client asks for. `types` has objects and types, and is empty for all of them."""

    def __init__(self, queue: str | None, types: Collection[str]) -> None:
        self._queue = queue
        self._types = frozenset(types)

    def includes(self, event: Event | Gap) -> bool:
        if isinstance(event, Gap):
            return True
        if self._queue is not None and event.queue != self._queue:
            return False
        return not self._types or event.type in self._types or event.object in self._types


async def stream(context: RequestContext, wanted: Wanted, after: Position | None) -> Response:
    """Raises BackendUnavailable, TooManyStreams and TooManyStreamsOfKey."""
    log, app_state = context.namespace.event_log, context.app_state
    await log.start()
    timing = StreamTiming(whole=app_state.feed_seconds)
    events = follow(log, wanted, after, app_state.clock, timing, context.check)
    return EventStream(app_state.streams, context.holder, events)


async def follow(
    log: EventLog, wanted: Wanted, after: Position | None, clock: Clock, timing: StreamTiming, check: Check
) -> AsyncGenerator[bytes]:
    """Yield the text of the stream after a position, or from now on."""
    checked = silent_since = clock.monotonic()
    until = checked + timing.whole
    yield b"retry: %d\n\n" % _RETRY_MS
    try:
        async with log.follow(after) as found:
            if after is None:
                yield _named(found.position, "ready")
            while True:
                changes = await found.take()
                text = b"".join(_text(*change) for change in changes if wanted.includes(change[1]))
                now = clock.monotonic()
                if text:
                    yield text
                    silent_since = now
                if now >= until:
                    return
                if now - checked >= timing.check:
                    await check()
                    checked = now
                if changes:
                    continue
                if found.ended:
                    yield closing("shutdown")
                    return
                if now - silent_since >= timing.heartbeat:
                    yield _keep_alive(found)
                    silent_since = now
                await set_within(found.changed, min(timing.heartbeat, timing.check))
    except (Unauthenticated, ScopeMissing) as error:
        yield closing("unauthorized", {"code": error.code}, _RETRY_AWAY_MS)
    except TriageError as error:
        yield closing("unavailable", {"code": error.code}, _RETRY_AWAY_MS)


def _text(position: Position, event: Event | Gap) -> bytes:
    if isinstance(event, Gap):
        return _named(position, "gap", {"reason": event.reason})
    return b"id: %s\ndata: %s\n\n" % (str(position).encode(), orjson.dumps(_resource(event)))


def _resource(event: Event) -> dict[str, Any]:
    return {
        "type": event.type,
        "at": rendering.time(event.at),
        "object": event.object,
        "id": event.id,
        "version": event.version,
        "state": event.state,
        "state_reason": event.state_reason,
        "queue": event.queue,
        "name": event.name,
        "group_id": event.group_id,
    }


def _named(position: Position, name: str, data: dict[str, Any] | None = None) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(position).encode(),
        name.encode(),
        orjson.dumps(data or {}),
    )


def _keep_alive(found: Stream) -> bytes:
    """An id without data. Clients ignore it, except that they send it when they reconnect."""
    return b"id: %s\n\n" % str(found.position).encode()
