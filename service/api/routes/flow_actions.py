"""Cancelling, retrying and deleting flows."""

from fastapi import APIRouter, Response

from service.api.deps import Ask, Asked
from service.api.group_work import carry_on
from service.api.intake import StrictRoute
from service.api.operation import operation
from service.api.routes.flows import FlowId, read, respond
from service.api.schemas import flows as schemas
from service.domain.errors import InvalidState, NotFound

router = APIRouter(prefix="/v1/flows/{flow_id}", tags=["flows"], route_class=StrictRoute)


async def _answer(asked: Asked, flow_id: str, status: int) -> Response:
    return respond(await read(asked, flow_id), await asked.stores.groups.flow_jobs(flow_id), status)


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
async def cancel_flow(flow_id: FlowId, asked: Ask, body: schemas.GroupCancelIn | None = None) -> Response:
    """Everything that has not finished is cancelled, running jobs too."""
    grace = asked.backend.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    word, state = await asked.stores.groups.request_cancel(flow_id, round(grace * 1000))
    if word == "missing":
        raise NotFound()
    if word == "illegal" and state != "cancelled":
        raise InvalidState(f"The flow has {state}.", current_state=state)
    await carry_on(asked)
    return await _answer(asked, flow_id, 202 if (await read(asked, flow_id)).live else 200)


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
async def retry_flow(flow_id: FlowId, asked: Ask) -> Response:
    """Dead and cancelled jobs get a new run when their edges hold; results that are good stay."""
    word, state = await asked.stores.groups.request_retry(flow_id)
    if word == "missing":
        raise NotFound()
    if word == "idle":
        raise InvalidState("No job of the flow is dead or cancelled.", current_state=state)
    await carry_on(asked)
    return await _answer(asked, flow_id, 202)


@router.delete(
    "",
    name="delete_flow",
    **operation("jobs:write", "Delete a flow that has ended", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_flow(flow_id: FlowId, asked: Ask) -> Response:
    """Forgets the flow and its jobs at once instead of at the end of their retention."""
    group = await read(asked, flow_id)
    if group.live:
        raise InvalidState(f"The flow is {group.state}.", current_state=group.state)
    await asked.stores.groups.delete_jobs(group, asked.stores.jobs.delete)
    await asked.stores.groups.forget(flow_id)
    return Response(status_code=204)
