"""Cancelling, retrying and deleting flows."""

from fastapi import Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.resources import groups
from service.api.resources.flows import respond
from service.api.routes.router import Router
from service.api.schemas import flows as schemas
from service.api.schemas.parts.parameters import FlowId
from service.domain.flow import Flow

router = Router(prefix="/v1/flows/{flow_id}", tags=["flows"])


async def _answer(context: RequestContext, flow: Flow, status: int) -> Response:
    return respond(flow, await context.stores.groups.flow_jobs(flow.id), status)


@router.post(
    "/cancel",
    name="cancel_flow",
    **operation(
        "jobs:write",
        "Cancel a flow",
        {
            200: ("The flow has ended as cancelled.", schemas.FlowOut),
            202: ("Asked: running jobs have their grace to react.", schemas.FlowOut),
        },
        (404, 409, 415),
    ),
)
async def cancel_flow(
    flow_id: FlowId, context: Context, body: schemas.GroupCancelIn | None = None
) -> Response:
    """Everything that has not finished is cancelled, running jobs too."""
    flow, status = await groups.cancel(context, Flow, flow_id, body)
    return await _answer(context, flow, status)


@router.post(
    "/retry",
    name="retry_flow",
    **operation(
        "jobs:write",
        "Run again what did not succeed",
        {202: ("It runs again.", schemas.FlowOut)},
        (404, 409),
    ),
)
async def retry_flow(flow_id: FlowId, context: Context) -> Response:
    """Dead and cancelled jobs get a new run when their edges hold; results that are good stay."""
    return await _answer(context, await groups.run_again(context, Flow, flow_id), 202)


@router.delete(
    "",
    name="delete_flow",
    **operation("jobs:write", "Delete a flow that has ended", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_flow(flow_id: FlowId, context: Context) -> Response:
    """Forgets the flow and its jobs at once instead of at the end of their retention."""
    return await groups.delete(context, flow_id)
