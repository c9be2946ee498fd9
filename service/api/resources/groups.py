"""What the routes of flows and of fan-outs share: reading, waiting, cancelling, running again, deleting."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Query, Response

from service.api.context import RequestContext
from service.api.requests.long_polls import MAX_WAIT, matches, preferred_wait, until
from service.api.resources.group_work import carry_on
from service.api.responses import rendering
from service.api.schemas.flows import GroupCancelIn
from service.domain.errors import InvalidState, NotFound
from service.store.groups.groups import Group

Wait = Annotated[
    float | None, Query(ge=0, le=MAX_WAIT, description="How long to wait for a change, in seconds.")
]
IfNoneMatch = Annotated[str | None, Header()]


async def read(context: RequestContext, id: str) -> Group:
    """Raises NotFound."""
    group = await context.stores.groups.get(id)
    if group is None:
        raise NotFound()
    return group


async def wait_until_finished(context: RequestContext, id: str, prefer: str | None) -> Group | None:
    """The finished group if the request prefers to wait and it finishes in time."""
    seconds = preferred_wait(prefer)
    group = None if seconds is None else await _wait(context, id, seconds, lambda group: not group.live)
    return None if group is None or group.live else group


async def poll(context: RequestContext, id: str, wait: float | None, if_none_match: str | None) -> Group:
    """A read, or a long poll: until it differs from `if_none_match`, without that until it has ended."""
    if wait is None:
        return await read(context, id)

    def is_done(group: Group) -> bool:
        return not matches(if_none_match, group.version) if if_none_match else not group.live

    group = await _wait(context, id, wait, is_done)
    if group is None:
        raise NotFound()
    return group


def unchanged(group: Group, if_none_match: str | None) -> Response | None:
    """The 304 response to a conditional read, if nothing has changed."""
    if if_none_match is None or not matches(if_none_match, group.version):
        return None
    return Response(status_code=304, headers={"ETag": rendering.etag(group.version)})


async def cancel(context: RequestContext, id: str, body: GroupCancelIn | None) -> tuple[Group, int]:
    """The group and the status: 200 when it has ended as cancelled, 202 while jobs have their grace."""
    grace = context.app_state.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    word, state = await context.stores.groups.request_cancel(id, round(grace * 1000))
    if word == "missing":
        raise NotFound()
    if word == "illegal" and state != "cancelled":
        raise InvalidState(f"It has already {state}.", current_state=state)
    await carry_on(context)
    group = await read(context, id)
    return group, 202 if group.live else 200


async def run_again(context: RequestContext, id: str) -> Group:
    """Raises InvalidState when none of its jobs is dead or cancelled."""
    word, state = await context.stores.groups.request_retry(id)
    if word == "missing":
        raise NotFound()
    if word == "idle":
        raise InvalidState("No job in it is dead or cancelled.", current_state=state)
    await carry_on(context)
    return await read(context, id)


async def delete(context: RequestContext, id: str) -> Response:
    """Deletes the group at once, and many jobs in the background."""
    word, state = await context.stores.groups.vanish(id)
    if word == "missing":
        raise NotFound()
    if word == "illegal":
        raise InvalidState(f"It is {state}, or its follow-up job is unfinished.", current_state=state)
    await carry_on(context)
    return Response(status_code=204)


async def _wait(
    context: RequestContext, id: str, seconds: float, is_done: Callable[[Group], bool]
) -> Group | None:
    async with context.watch(id) as waiting:
        stores = context.stores.groups
        return await until(lambda: stores.get(id), waiting, seconds, is_done, context.app_state.clock)
