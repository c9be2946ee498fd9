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
            200: ("The fan-out is cancelled.", FanOutOut),
            202: (
                "Requested: Triage cancels the items; running ones have their grace period to react.",
                FanOutOut,
            ),
        },
        (404, 409, 415),
    ),
)
async def cancel_fan_out(
    fan_out_id: FanOutId, context: Context, body: GroupCancelIn | None = None
) -> Response:
    """Cancels every unfinished item and the follow-up job.

    Large fan-outs are cancelled in the background; the counts show the progress. Seals an open fan-out as it
    is.
    """
    return respond(*await groups.cancel(context, FanOut, fan_out_id, body))


@router.post(
    "/retry",
    name="retry_fan_out",
    **operation(
        "jobs:write",
        "Run the unsuccessful jobs again",
        {202: ("Dead and cancelled items will run again.", FanOutOut)},
        (404, 409),
    ),
)
async def retry_fan_out(fan_out_id: FanOutId, context: Context) -> Response:
    """Successful results stay. The follow-up job waits again unless it has started or succeeded."""
    return respond(await groups.run_again(context, FanOut, fan_out_id), 202)


@router.delete(
    "",
    name="delete_fan_out",
    **operation("jobs:write", "Delete a finished fan-out", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_fan_out(fan_out_id: FanOutId, context: Context) -> Response:
    """Deletes the fan-out, its jobs and their results. Fails while the follow-up job is unfinished."""
    return await groups.delete(context, fan_out_id)
