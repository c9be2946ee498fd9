"""Deliveries of webhooks: reading and resending them."""

from typing import Annotated

from fastapi import Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.resources import webhooks as resources
from service.api.resources.webhooks import AnyWebhookId, DeliveryId
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import webhooks as schemas

router = Router(prefix="/v1/webhooks/{webhook_id}/deliveries", tags=["webhooks"])


@router.get(
    "",
    name="list_deliveries",
    **operation("webhooks:read", "List deliveries", {200: ("A page.", schemas.DeliveryPage)}, (404,)),
)
async def list_deliveries(
    webhook_id: AnyWebhookId,
    context: Context,
    status: Annotated[schemas.StatusName | None, Query(description="Only deliveries in this status.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Pending deliveries and the last 1,000 that ended, newest first."""
    await resources.read(context, webhook_id)
    page = await context.namespace.outbox.list(webhook_id, status, limit, cursor)
    return await rendering.page(
        (resources.delivery(context, found) for found in page.items), page.next_cursor
    )


@router.get(
    "/{delivery_id}",
    name="get_delivery",
    **operation("webhooks:read", "Read a delivery", {200: ("The delivery.", schemas.DeliveryOut)}, (404,)),
)
async def get_delivery(webhook_id: AnyWebhookId, delivery_id: DeliveryId, context: Context) -> Response:
    """The event, its last attempt, and when the next one is due."""
    found = await context.namespace.outbox.get(webhook_id, delivery_id)
    return rendering.respond(resources.delivery(context, found))


@router.post(
    "/{delivery_id}/resend",
    name="resend_delivery",
    **operation(
        "webhooks:write",
        "Send a delivery again",
        {202: ("The delivery.", schemas.DeliveryOut)},
        (404, 409, 507),
        status_code=202,
    ),
)
async def resend_delivery(webhook_id: AnyWebhookId, delivery_id: DeliveryId, context: Context) -> Response:
    """Sends an ended delivery again with the same `webhook-id`. A pending one is attempted now."""
    found = await context.namespace.outbox.resend(webhook_id, delivery_id)
    return rendering.respond(resources.delivery(context, found), 202)
