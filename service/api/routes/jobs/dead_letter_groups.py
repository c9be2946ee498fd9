"""Dead letters grouped by their cause."""

from typing import Annotated, Literal

from fastapi import Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import operators as schemas
from service.api.schemas.parts.fields import Name

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
    return rendering.page([], None)
