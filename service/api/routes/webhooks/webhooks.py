"""Endpoints of webhooks: creating, changing, rotating secrets, switching on and off."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.preconditions import IfMatch, guard
from service.api.resources import webhooks as resources
from service.api.resources.webhooks import AnyWebhookId, WebhookId
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import webhooks as schemas
from service.domain.callback import read_url
from service.domain.errors import NotFound, VersionMismatch
from service.domain.webhook import CALLBACKS, MAX_OLD_SECRETS, Secret, Webhook, new_secret

router = Router(prefix="/v1/webhooks", tags=["webhooks"])

ONE = {200: ("The webhook.", schemas.WebhookOut)}
SECRET = {200: ("The webhook with its new secret.", schemas.WebhookSecretOut)}
#: How often a change without If-Match is retried after another change came first.
ATTEMPTS = 5


@router.post(
    "",
    name="create_webhook",
    **operation(
        "webhooks:write",
        "Create a webhook",
        {201: ("Created. Only this response has the secret.", schemas.WebhookSecretOut)},
        (413, 415, 507),
        status_code=201,
    ),
)
async def create_webhook(body: schemas.WebhookIn, context: Context) -> Response:
    """Sends events to a URL from now on, signed as in Standard Webhooks, at least once, for about a day."""
    url = read_url(body.url, "/url")
    secret = Secret(new_secret(secrets.token_bytes))
    id = context.app_state.ids.new("wh")
    found = await context.namespace.webhooks.create(id, url, body.events, body.description, secret)
    return await resources.respond(context, found, 201, secret)


@router.get(
    "",
    name="list_webhooks",
    **operation("webhooks:read", "List webhooks", {200: ("All, newest first.", schemas.WebhookPage)}),
)
async def list_webhooks(context: Context) -> Response:
    """Every endpoint of the namespace with its state."""
    found = await context.namespace.webhooks.list()
    now = await context.namespace.queries.now()
    return await rendering.page((resources.resource(webhook, now) for webhook in found), None)


@router.get("/{webhook_id}", name="get_webhook", **operation("webhooks:read", "Read a webhook", ONE, (404,)))
async def get_webhook(webhook_id: AnyWebhookId, context: Context) -> Response:
    """The endpoint with its state, without its secret."""
    return await resources.respond(context, await resources.read(context, webhook_id))


@router.patch(
    "/{webhook_id}",
    name="update_webhook",
    **operation("webhooks:write", "Change a webhook", ONE, (404, 412, 413, 415, 507)),
)
async def update_webhook(
    webhook_id: WebhookId, body: schemas.WebhookChangesIn, context: Context, if_match: IfMatch = None
) -> Response:
    """Pending deliveries go to the new URL."""
    changes = {name: value for name, value in body.given().items() if value is not None}
    if "url" in changes:
        read_url(changes["url"], "/url")

    async def change(found: Webhook) -> Webhook:
        return await context.namespace.webhooks.change(found, **changes) if changes else found

    return await resources.respond(context, await _change(context, webhook_id, change, if_match))


@router.delete(
    "/{webhook_id}",
    name="delete_webhook",
    **operation("webhooks:write", "Delete a webhook", {204: ("Deleted.", None)}, (404, 412)),
)
async def delete_webhook(webhook_id: WebhookId, context: Context, if_match: IfMatch = None) -> Response:
    """Deletes the endpoint and its deliveries, also those that are pending."""
    version = None
    if if_match is not None:
        version = guard(if_match, (await resources.read(context, webhook_id)).version)
    if not await context.namespace.webhooks.delete(webhook_id, version):
        raise NotFound()
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate-secret",
    name="rotate_webhook_secret",
    **operation("webhooks:write", "Replace the secret", SECRET, (404, 413, 415, 507)),
)
async def rotate_webhook_secret(
    webhook_id: AnyWebhookId, context: Context, body: schemas.RotationIn | None = None
) -> Response:
    """Both secrets sign until the overlap ends, so receivers can change over without rejecting anything."""
    overlap = (body or schemas.RotationIn()).overlap_seconds
    secret = Secret(new_secret(secrets.token_bytes))

    async def rotate(found: Webhook) -> Webhook:
        until = await context.namespace.queries.now() + overlap * 1000
        old = [Secret(row.text, until if row.until is None else row.until) for row in found.secrets]
        rotated = [secret, *old[:MAX_OLD_SECRETS]] if overlap else [secret]
        if webhook_id == CALLBACKS:
            before = found if found.version else None
            return await context.namespace.webhooks.put_callbacks(before, rotated)
        return await context.namespace.webhooks.change(found, secrets=rotated)

    return await resources.respond(context, await _change(context, webhook_id, rotate), secret=secret)


@router.post(
    "/{webhook_id}/enable",
    name="enable_webhook",
    **operation("webhooks:write", "Enable a webhook", ONE, (404, 507)),
)
async def enable_webhook(webhook_id: WebhookId, context: Context) -> Response:
    """Delivers events from now on. Those that happened while it was disabled were not recorded."""

    async def enable(found: Webhook) -> Webhook:
        return found if found.disabled_at is None else await context.namespace.webhooks.enable(found)

    return await resources.respond(context, await _change(context, webhook_id, enable))


@router.post(
    "/{webhook_id}/disable",
    name="disable_webhook",
    **operation("webhooks:write", "Disable a webhook", ONE, (404, 507)),
)
async def disable_webhook(webhook_id: WebhookId, context: Context) -> Response:
    """Ends pending deliveries, and records no new ones."""

    async def disable(found: Webhook) -> Webhook:
        return await context.namespace.webhooks.disable(found) if found.disabled_at is None else found

    return await resources.respond(context, await _change(context, webhook_id, disable))


@router.post(
    "/{webhook_id}/test",
    name="test_webhook",
    **operation(
        "webhooks:write",
        "Send a test event",
        {202: ("The delivery.", schemas.DeliveryOut)},
        (404, 409, 507),
        status_code=202,
    ),
)
async def test_webhook(webhook_id: WebhookId, context: Context) -> Response:
    """Sends `webhook.test` to this endpoint. Read the delivery for the result."""
    found = await resources.read(context, webhook_id)
    delivery = await context.namespace.outbox.send_test(found, context.app_state.ids.new("test"))
    document: dict[str, Any] = resources.delivery(context, delivery)
    location = f"/v1/webhooks/{webhook_id}/deliveries/{document['id']}"
    return rendering.respond(document, 202, {"Location": location})


async def _change(
    context: RequestContext,
    id: str,
    change: Callable[[Webhook], Awaitable[Webhook]],
    if_match: str | None = None,
) -> Webhook:
    for attempt in range(ATTEMPTS):
        found = await resources.read(context, id)
        guard(if_match, found.version)
        try:
            return await change(found)
        except VersionMismatch:
            if if_match is not None or attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")
