"""Cancelling, retrying and deleting fan-outs."""

from fastapi import APIRouter, Response

from service.api.deps import Ask
from service.api.group_work import carry_on
from service.api.intake import StrictRoute
from service.api.operation import operation
from service.api.routes.fan_outs import FanOutId, read, respond
from service.api.schemas.fan_outs import FanOutOut
from service.api.schemas.flows import GroupCancelIn
from service.domain.errors import InvalidState, NotFound

router = APIRouter(prefix="/v1/fan-outs/{fan_out_id}", tags=["fan-outs"], route_class=StrictRoute)


@router.post(
    "/cancel",
    name="cancel_fan_out",
    **operation(
        "jobs:write",
        "Cancel a fan-out",
        {
            200: ("The fan-out has ended as cancelled.", FanOutOut),
            202: ("Asked: items are being cancelled, running ones have their grace to react.", FanOutOut),
        },
        (404, 409, 415),
    ),
)
async def cancel_fan_out(fan_out_id: FanOutId, asked: Ask, body: GroupCancelIn | None = None) -> Response:
    """Every item that has not finished is cancelled, and so is the job that was to follow.

    Large ones go on behind the answer; the counts show how far it is. An open fan-out is sealed as it is.
    """
    grace = asked.backend.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    word, state = await asked.stores.groups.request_cancel(fan_out_id, round(grace * 1000))
    if word == "missing":
        raise NotFound()
    if word == "illegal" and state != "cancelled":
        raise InvalidState(f"The fan-out has {state}.", current_state=state)
    await carry_on(asked)
    group = await read(asked, fan_out_id)
    return respond(group, 202 if group.live else 200)


@router.post(
    "/retry",
    name="retry_fan_out",
    **operation(
        "jobs:write",
        "Run again what did not succeed",
        {202: ("Dead and cancelled items run again.", FanOutOut)},
        (404, 409),
    ),
)
async def retry_fan_out(fan_out_id: FanOutId, asked: Ask) -> Response:
    """Good results stay. The follow-up waits again, unless it has begun or succeeded already."""
    word, state = await asked.stores.groups.request_retry(fan_out_id)
    if word == "missing":
        raise NotFound()
    if word == "idle":
        raise InvalidState("No item of the fan-out is dead or cancelled.", current_state=state)
    await carry_on(asked)
    return respond(await read(asked, fan_out_id), 202)


@router.delete(
    "",
    name="delete_fan_out",
    **operation("jobs:write", "Delete a fan-out that has ended", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_fan_out(fan_out_id: FanOutId, asked: Ask) -> Response:
    """Forgets it with its jobs and their results. Refused while the job that follows has not finished."""
    word, state = await asked.stores.fan_outs.vanish(fan_out_id)
    if word == "missing":
        raise NotFound()
    if word == "illegal":
        raise InvalidState(f"The fan-out is {state}, or its follow-up goes on.", current_state=state)
    await carry_on(asked)
    return Response(status_code=204)
