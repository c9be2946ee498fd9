"""Dead letters grouped by their cause."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.resources import dead_letter_groups as resources
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import operators as schemas
from service.api.schemas.parts.fields import Name
from service.domain.dead_letter_group import DeadLetterGroup
from service.store.dead_letter_groups import page_of

router = Router(prefix="/v1/dlq/groups", tags=["dead letters"])


@router.get(
    "",
    name="list_dead_letter_groups",
    **operation("dlq:read", "Group dead letters by cause", {200: ("A page.", schemas.DeadLetterGroupPage)}),
)
async def list_dead_letter_groups(
    context: Context,
    queue: Annotated[Name | None, Query(description="Groups with dead letters of this queue.")] = None,
    name: Annotated[Name | None, Query(description="The job type.")] = None,
    search: Annotated[
        str | None,
        Query(
            min_length=1, max_length=200, description="Text in the message, error type, reason or job type."
        ),
    ] = None,
    order: Annotated[
        Literal["count", "last_seen", "first_seen"], Query(description="The largest or latest first.")
    ] = "count",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Groups by job type, error type and message, without numbers and ids in the message.

    Pass a group's `fingerprint` to GET /v1/dlq, or in the filter of a bulk action, to act on its jobs.
    """
    groups = await context.namespace.dead_letter_groups.all(queue, name)
    if search is not None:
        groups = await resources.mentioning(context, groups, search)
    page = page_of(groups, order, limit, cursor)
    shown = zip(page.items, await resources.messages(context, page.items), strict=True)
    return await rendering.page((_resource(group, message) for group, message in shown), page.next_cursor)


def _resource(group: DeadLetterGroup, message: str | None) -> dict[str, Any]:
    return {
        "fingerprint": group.fingerprint,
        "object": "dlq_group",
        "name": group.name,
        "error_type": group.error_type,
        "message": message,
        "reason": group.reason,
        "count": group.count,
        "first_seen_at": rendering.time(group.first_seen),
        "last_seen_at": rendering.time(group.last_seen),
        "queues": list(group.queues),
        "versions": list(group.versions),
        "example_job_id": group.example_id,
    }
