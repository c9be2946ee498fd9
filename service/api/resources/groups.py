"""What the routes of flows and of fan-outs share: reading, waiting, cancelling, running again, deleting."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Query, Response

from service.api.context import Asked
from service.api.requests.long_polls import MAX_WAIT, matches, preferred_wait, until
from service.api.resources.group_work import carry_on
from service.api.responses import rendering
from service.api.schemas.flows import GroupCancelIn
from service.domain.errors import InvalidState, NotFound
from service.store.groups.groups import Group

Wait = Annotated[float | None, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for a change.")]
IfNoneMatch = Annotated[str | None, Header()]


async def read(asked: Asked, id: str) -> Group:
    """Raises NotFound."""
    group = await asked.stores.groups.get(id)
    if group is None:
        raise NotFound()
    return group


async def ended(asked: Asked, id: str, prefer: str | None) -> Group | None:
    """The group if the request prefers to wait for its end and it comes in time."""
    seconds = preferred_wait(prefer)
    group = None if seconds is None else await _wait(asked, id, seconds, lambda group: not group.live)
    return None if group is None or group.live else group


async def poll(asked: Asked, id: str, wait: float | None, if_none_match: str | None) -> Group:
    """A read, or a long poll: until it differs from `if_none_match`, without that until it has ended."""
    if wait is None:
        return await read(asked, id)

    def enough(group: Group) -> bool:
        return not matches(if_none_match, group.version) if if_none_match else not group.live

    group = await _wait(asked, id, wait, enough)
    if group is None:
        raise NotFound()
    return group


def unchanged(group: Group, if_none_match: str | None) -> Response | None:
    """The 304 that a conditional read is answered with, if it is."""
    if if_none_match is None or not matches(if_none_match, group.version):
        return None
    return Response(status_code=304, headers={"ETag": rendering.etag(group.version)})


async def cancel(asked: Asked, id: str, body: GroupCancelIn | None) -> tuple[Group, int]:
    """The group and the status: 200 when it has ended as cancelled, 202 while jobs have their grace."""
    grace = asked.backend.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    word, state = await asked.stores.groups.request_cancel(id, round(grace * 1000))
    if word == "missing":
        raise NotFound()
    if word == "illegal" and state != "cancelled":
        raise InvalidState(f"It has {state}.", current_state=state)
    await carry_on(asked)
    group = await read(asked, id)
    return group, 202 if group.live else 200


async def run_again(asked: Asked, id: str) -> Group:
    """Raises InvalidState when none of its jobs is dead or cancelled."""
    word, state = await asked.stores.groups.request_retry(id)
    if word == "missing":
        raise NotFound()
    if word == "idle":
        raise InvalidState("None of its jobs is dead or cancelled.", current_state=state)
    await carry_on(asked)
    return await read(asked, id)


async def delete(asked: Asked, id: str) -> Response:
    """Gone at once; its jobs are deleted behind the answer where they are many."""
    word, state = await asked.stores.groups.vanish(id)
    if word == "missing":
        raise NotFound()
    if word == "illegal":
        raise InvalidState(f"It is {state}, or its follow-up goes on.", current_state=state)
    await carry_on(asked)
    return Response(status_code=204)


async def _wait(asked: Asked, id: str, seconds: float, enough: Callable[[Group], bool]) -> Group | None:
    async with asked.watch(id) as waiting:
        stores = asked.stores.groups
        return await until(lambda: stores.get(id), waiting, seconds, enough, asked.backend.clock)
