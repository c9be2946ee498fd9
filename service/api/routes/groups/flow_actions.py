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


async def _respond(context: RequestContext, flow: Flow, status: int) -> Response:
    return respond(flow, await context.namespace.groups.flow_jobs(flow.id), status)


@router.post(
    "/cancel",
    name="cancel_flow",
    **operation(
        "jobs:write",
        "Cancel a flow",
        {
            200: ("The flow is cancelled.", schemas.FlowOut),
            202: ("Requested: running jobs have their grace period to react.", schemas.FlowOut),
        },
        (404, 409, 415),
    ),
)
async def cancel_flow(
    flow_id: FlowId, context: Context, body: schemas.GroupCancelIn | None = None
) -> Response:
    """Cancels every unfinished job, including running ones."""
    flow, status = await groups.cancel(context, Flow, flow_id, body)
    return await _respond(context, flow, status)


@router.post(
    "/retry",
    name="retry_flow",
    **operation(
        "jobs:write",
        "Run the unsuccessful jobs again",
        {202: ("The jobs will run again.", schemas.FlowOut)},
        (404, 409),
    ),
)
async def retry_flow(flow_id: FlowId, context: Context) -> Response:
    """Runs dead and cancelled jobs again when their conditions are met. Successful results stay."""
    return await _respond(context, await groups.run_again(context, Flow, flow_id), 202)


@router.delete(
    "",
    name="delete_flow",
    **operation("jobs:write", "Delete a finished flow", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_flow(flow_id: FlowId, context: Context) -> Response:
    """Deletes the flow and its jobs now, before their retention ends."""
    return await groups.delete(context, flow_id)
