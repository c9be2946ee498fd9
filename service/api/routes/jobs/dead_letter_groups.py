"""Dead letters grouped by their cause."""

from typing import Annotated, Any, Literal

from fastapi import Query, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import operators as schemas
from service.api.schemas.parts.fields import Name
from service.domain.dead_letter_group import DeadLetterGroup
from service.domain.job import Job

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
    order: Annotated[
        Literal["count", "last_seen", "first_seen"], Query(description="The largest or latest first.")
    ] = "count",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Groups by job type, error type and message, without numbers and ids in the message.

    Pass a group's `fingerprint` to GET /v1/dlq, or in the filter of a bulk action, to act on its jobs.
    """
    page = await context.namespace.dead_letter_groups.list(queue, name, order, limit, cursor)
    jobs = await context.namespace.queries.outlines([group.example_id for group in page.items])
    rows = [_resource(context, group, job) for group, job in zip(page.items, jobs, strict=True)]
    return rendering.page(rows, page.next_cursor)


def _resource(context: RequestContext, group: DeadLetterGroup, example: Job | None) -> dict[str, Any]:
    message = group.message
    if message is not None:
        # A message may quote a payload.
        view = context.view_of_type(group.name or "", None if example is None else example.redact)
        message = view.text(message)
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
