"""Shared by the routes of flows and fan-outs: reading, waiting, cancelling, retrying, deleting."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Header, Query, Response

from service.api.context import RequestContext
from service.api.requests.long_polls import MAX_WAIT, matches, preferred_wait, until
from service.api.resources.group_work import carry_on
from service.api.responses import rendering
from service.api.responses.errors import TooManyWaiters
from service.api.schemas.flows import GroupCancelIn
from service.domain.errors import BackendUnavailable, InvalidState, NotFound
from service.domain.group import Group
from service.store.groups.groups import AnyGroup

Wait = Annotated[
    float | None, Query(ge=0, le=MAX_WAIT, description="How long to wait for a change, in seconds.")
]
IfNoneMatch = Annotated[str | None, Header()]


async def read(context: RequestContext, kind: type[AnyGroup], id: str) -> AnyGroup:
    """Raises NotFound."""
    group = await context.namespace.groups.find(kind, id)
    if group is None:
        raise NotFound()
    await check_visible(context, id)
    return group


async def visible(context: RequestContext, groups: Sequence[AnyGroup]) -> list[AnyGroup]:
    """Those that a restricted key can see: all jobs that were submitted with them are within its reach."""
    if context.caller.reach is None:
        return list(groups)
    found = await context.namespace.groups.contents([group.id for group in groups])
    return [
        group
        for group, pairs in zip(groups, found, strict=True)
        if pairs and all(context.caller.sees(queue, name) for queue, name in pairs)
    ]


async def find_visible(context: RequestContext, id: str) -> Group | None:
    group = await context.namespace.groups.get(id)
    return next(iter(await visible(context, [group])), None) if group is not None else None


async def check_visible(context: RequestContext, id: str) -> None:
    """Raises NotFound for a group that a restricted key cannot see."""
    if context.caller.reach is not None and await find_visible(context, id) is None:
        raise NotFound()


async def wait_until_finished(
    context: RequestContext, kind: type[AnyGroup], id: str, prefer: str | None
) -> AnyGroup | None:
    """The finished group if the request prefers to wait and it finishes in time."""
    seconds = preferred_wait(prefer)
    try:
        group = None if seconds is None else await _wait(context, kind, id, seconds, _has_ended)
    except (BackendUnavailable, TooManyWaiters):
        return None  # The submission is stored, and an error would make the client retry it.
    return None if group is None or group.live else group


async def poll(
    context: RequestContext, kind: type[AnyGroup], id: str, wait: float | None, if_none_match: str | None
) -> AnyGroup:
    """Read the group; with `wait`, once it differs from `if_none_match` or, without that, has finished."""
    if wait is None:
        return await read(context, kind, id)

    def is_done(group: Group) -> bool:
        return not matches(if_none_match, group.version) if if_none_match else _has_ended(group)

    await check_visible(context, id)
    group = await _wait(context, kind, id, wait, is_done)
    if group is None:
        raise NotFound()
    return group


def _has_ended(group: Group) -> bool:
    return not group.live


def unchanged(group: Group, if_none_match: str | None) -> Response | None:
    """The 304 response to a conditional read, or None if the group has changed."""
    if if_none_match is None or not matches(if_none_match, group.version):
        return None
    return Response(status_code=304, headers={"ETag": rendering.etag(group.version)})


async def cancel(
    context: RequestContext, kind: type[AnyGroup], id: str, body: GroupCancelIn | None
) -> tuple[AnyGroup, int]:
    """Return the group and the status: 200 if it is cancelled, 202 while running jobs have their grace."""
    grace = context.app_state.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    await check_visible(context, id)
    try:
        await context.namespace.groups.request_cancel(id, round(grace * 1000))
    except InvalidState as error:
        if error.current_state != "cancelled":
            raise
    await carry_on(context)
    group = await read(context, kind, id)
    return group, 202 if group.live else 200


async def run_again(context: RequestContext, kind: type[AnyGroup], id: str) -> AnyGroup:
    """Raises InvalidState if none of its jobs is dead or cancelled."""
    await check_visible(context, id)
    await context.namespace.groups.request_retry(id)
    await carry_on(context)
    return await read(context, kind, id)


async def delete(context: RequestContext, id: str) -> Response:
    """Delete the group at once; many jobs take longer, in the background."""
    await check_visible(context, id)
    await context.namespace.groups.delete(id)
    await carry_on(context)
    return Response(status_code=204)


async def _wait(
    context: RequestContext,
    kind: type[AnyGroup],
    id: str,
    seconds: float,
    is_done: Callable[[AnyGroup], bool],
) -> AnyGroup | None:
    async with context.watch(id) as waiting:
        groups = context.namespace.groups
        clock = context.app_state.clock
        return await until(lambda: groups.find(kind, id), waiting, seconds, is_done, clock)
