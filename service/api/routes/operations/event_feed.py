"""The event stream of a namespace or a queue."""

from typing import Annotated

from fastapi import Header, Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.resources.streams import event_feed
from service.api.resources.streams.event_streams import EventStream
from service.api.responses.errors import ValidationFailed
from service.api.routes.router import Router
from service.api.schemas.history.events import EventOut
from service.api.schemas.parts.fields import Name
from service.domain.event import TYPES
from service.store.codec.history.events import parse_position

router = Router(prefix="/v1/events", tags=["events"])

#: The values of `types`.
_KNOWN = {*TYPES, *(f"{object}.{state}" for object, states in TYPES.items() for state in states)}


@router.get(
    "",
    name="stream_events",
    response_class=EventStream,
    **operation(
        "jobs:read", "Stream the events of a namespace or queue", {200: ("Events with this data.", EventOut)}
    ),
)
async def stream_events(
    context: Context,
    queue: Annotated[Name | None, Query(description="Only events of this queue and its jobs.")] = None,
    types: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z_]{1,16}(\.[a-z_]{1,16})?(,[a-z_]{1,16}(\.[a-z_]{1,16})?){0,31}$",
            description="Comma-separated: `job.dead`, or `job` for every type that begins with it.",
        ),
    ] = None,
    last_event_id: Annotated[
        str | None,
        Header(description="The last ID that the client has; the stream continues after it.", max_length=64),
    ] = None,
) -> Response:
    """Server-sent events: changes of jobs, flows, fan-outs and queues, with ids and states.

    The stream begins with `event: ready`. To resume, send the last ID as `Last-Event-ID`; if events were
    missed, the stream begins with `event: gap` instead: read the current state again. It may end with
    `event: shutdown`, `unavailable` or `unauthorized`.
    """
    given = types.split(",") if types is not None else []
    if unknown := sorted(set(given) - _KNOWN):
        message = f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(_KNOWN))}"
        raise ValidationFailed(errors=[{"pointer": "types", "code": "unknown", "message": message}])
    return await event_feed.stream(context, event_feed.Wanted(queue, given), parse_position(last_event_id))
