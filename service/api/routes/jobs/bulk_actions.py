"""Bulk actions: one action on every matching job, which runs in the background."""

from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.long_polls import matches, until
from service.api.resources import bulk_actions as bulk
from service.api.resources import groups
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import bulk_actions as schemas
from service.api.schemas.parts.parameters import IdempotencyKey
from service.domain.bulk_action import BulkAction, BulkSpec
from service.domain.errors import NotFound

router = Router(prefix="/v1/bulk-actions", tags=["bulk actions"])

ActionId = Annotated[
    str, Path(pattern=r"^act_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The bulk action's ID.")
]
ONE = {200: ("The bulk action.", schemas.BulkActionOut)}
#: The scope that a retry requires in addition to the scope of the operation.
RETRY_SCOPE = "dlq:write"


@router.post(
    "",
    name="create_bulk_action",
    **operation(
        "jobs:write",
        "Cancel, retry or delete every matching job",
        {
            202: ("Accepted: it runs in the background.", schemas.BulkActionOut),
            200: ("A dry run: nothing has changed.", schemas.BulkPreviewOut),
        },
        (413, 415, 507),
        status_code=202,
    ),
)
async def create_bulk_action(
    request: Request, body: schemas.BulkActionIn, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Cancels, retries or deletes jobs, newest first. Ignores jobs created or finished after the request.

    `cancel` selects unfinished jobs, `delete` finished ones, and `retry` dead and cancelled ones, which also
    requires the scope dlq:write.
    """
    if body.action == "retry":
        context.caller.require(RETRY_SCOPE)
    grace_ms = round(context.app_state.settings.cancel_grace_seconds * 1000)
    spec = BulkSpec(body.action, body.filter.job_filter(), body.rate_per_second, body.max, grace_ms)
    bulk.check(context, spec, body.filter)
    if body.dry_run:
        return await bulk.preview(context, spec)
    return await bulk.begin(request, context, spec, idempotency_key)


@router.get(
    "",
    name="list_bulk_actions",
    **operation("jobs:read", "List bulk actions, newest first", {200: ("A page.", schemas.BulkActionPage)}),
)
async def list_bulk_actions(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Unfinished bulk actions, and those that finished in the last 24 hours."""
    page = await context.namespace.bulk_actions.list(limit, cursor)
    return await rendering.page(
        (bulk.resource(action) for action in page.items if bulk.is_visible(context, action)), page.next_cursor
    )


@router.get(
    "/{action_id}",
    name="get_bulk_action",
    **operation(
        "jobs:read",
        "Read a bulk action",
        {200: ("The bulk action.", schemas.BulkActionOut), 304: ("Not changed.", None)},
        (404,),
    ),
)
async def get_bulk_action(
    action_id: ActionId,
    context: Context,
    wait: groups.Wait = None,
    if_none_match: groups.IfNoneMatch = None,
) -> Response:
    """`wait` returns once the action differs from `If-None-Match` or, without that header, has finished."""
    if wait is None:
        action = await _read(context, action_id)
    else:
        async with context.watch(action_id) as waiting:
            found = await until(
                lambda: context.namespace.bulk_actions.get(action_id),
                waiting,
                wait,
                lambda action: (
                    not matches(if_none_match, action.version) if if_none_match else not action.live
                ),
                context.app_state.clock,
            )
        if found is None or not bulk.is_visible(context, found):
            raise NotFound()
        action = found
    if if_none_match is not None and matches(if_none_match, action.version):
        return Response(status_code=304, headers={"ETag": rendering.etag(action.version)})
    return bulk.respond(action)


@router.post(
    "/{action_id}/pause",
    name="pause_bulk_action",
    **operation("jobs:write", "Pause a bulk action", ONE, (404, 409)),
)
async def pause_bulk_action(action_id: ActionId, context: Context) -> Response:
    """Pauses the action. It changes no more jobs after the response."""
    return await _set_state(context, action_id, "paused")


@router.post(
    "/{action_id}/resume",
    name="resume_bulk_action",
    **operation("jobs:write", "Resume a bulk action", ONE, (404, 409)),
)
async def resume_bulk_action(action_id: ActionId, context: Context) -> Response:
    """Resumes where it stopped. An action that retries jobs also requires the scope dlq:write."""
    action = await _read(context, action_id)
    if action.spec.verb == "retry":
        context.caller.require(RETRY_SCOPE)
    return await _set_state(context, action_id, "running")


@router.post(
    "/{action_id}/cancel",
    name="cancel_bulk_action",
    **operation("jobs:write", "Cancel a bulk action", ONE, (404, 409)),
)
async def cancel_bulk_action(action_id: ActionId, context: Context) -> Response:
    """Cancels the action. It changes no more jobs after the response; changes already made stay."""
    return await _set_state(context, action_id, "cancelled")


async def _read(context: RequestContext, id: str) -> BulkAction:
    action = await context.namespace.bulk_actions.get(id)
    if action is None or not bulk.is_visible(context, action):
        raise NotFound()
    return action


async def _set_state(
    context: RequestContext, id: str, to: Literal["paused", "running", "cancelled"]
) -> Response:
    if context.caller.reach is not None:
        await _read(context, id)
    await context.namespace.bulk_actions.set_state(id, to)
    return bulk.respond(await _read(context, id))
