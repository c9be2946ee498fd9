"""Cancelling, retrying and deleting fan-outs."""

from fastapi import Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.resources import groups
from service.api.resources.fan_outs import respond
from service.api.routes.router import Router
from service.api.schemas.fan_outs import FanOutOut
from service.api.schemas.flows import GroupCancelIn
from service.api.schemas.parts.parameters import FanOutId
from service.domain.fan_out import FanOut

router = Router(prefix="/v1/fan-outs/{fan_out_id}", tags=["fan-outs"])


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
async def cancel_fan_out(
    fan_out_id: FanOutId, context: Context, body: GroupCancelIn | None = None
) -> Response:
    """Every item that has not finished is cancelled, and so is the job that was to follow.

    Large ones go on behind the answer; the counts show how far it is. An open fan-out is sealed as it is.
    """
    return respond(*await groups.cancel(context, FanOut, fan_out_id, body))


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
async def retry_fan_out(fan_out_id: FanOutId, context: Context) -> Response:
    """Good results stay. The follow-up waits again, unless it has begun or succeeded already."""
    return respond(await groups.run_again(context, FanOut, fan_out_id), 202)


@router.delete(
    "",
    name="delete_fan_out",
    **operation("jobs:write", "Delete a fan-out that has ended", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_fan_out(fan_out_id: FanOutId, context: Context) -> Response:
    """Forgets it with its jobs and their results. Refused while the job that follows has not finished."""
    return await groups.delete(context, fan_out_id)
