"""The resources of webhooks: endpoints and deliveries."""

from typing import Annotated, Any

from fastapi import Path, Response

from service.api.context import RequestContext
from service.api.responses import rendering
from service.domain.callback import hide_query
from service.domain.errors import NotFound
from service.domain.times import rfc3339
from service.domain.webhook import CALLBACKS, Delivery, Secret, Webhook, event_body

_ULID = "[0-7][0-9A-HJKMNP-TV-Z]{25}"
WebhookId = Annotated[str, Path(pattern=f"^wh_{_ULID}$", description="The webhook's ID.")]
#: Callbacks have a secret and deliveries, like an endpoint.
AnyWebhookId = Annotated[
    str,
    Path(
        pattern=f"^(wh_{_ULID}|{CALLBACKS})$",
        description=f"The webhook's ID, or `{CALLBACKS}` for the callbacks of jobs, flows and fan-outs.",
    ),
]
DeliveryId = Annotated[str, Path(pattern=f"^del_{_ULID}$", description="The delivery's ID.")]


async def read(context: RequestContext, id: str) -> Webhook:
    """Raises NotFound, but not for `callbacks`, which always exist."""
    found = await context.namespace.webhooks.get(id)
    if found is None and id != CALLBACKS:
        raise NotFound()
    return found or Webhook(id=id, version=0, url="", events=(), description="", secrets=(), created_at=0)


def resource(found: Webhook, now: int) -> dict[str, Any]:
    overlaps = [secret.until for secret in found.secrets if secret.until is not None and secret.until > now]
    return {
        "id": found.id,
        "object": "webhook",
        "version": found.version,
        "url": found.url or None,
        "events": list(found.events) if found.url else [],
        "description": found.description,
        "enabled": found.disabled_at is None,
        "disabled_at": rfc3339(found.disabled_at),
        "disabled_reason": found.disabled_reason,
        "failing_since": rfc3339(found.failing_since),
        "secret_overlap_until": rfc3339(max(overlaps, default=None)),
        "pending": found.pending,
        "dropped": found.dropped,
        "created_at": rfc3339(found.created_at or None),
    }


async def respond(
    context: RequestContext, found: Webhook, status: int = 200, secret: Secret | None = None
) -> Response:
    """`secret` is shown only in the response to the request that created it."""
    document = resource(found, await context.namespace.queries.now())
    if secret is not None:
        document["secret"] = secret.text
    headers = {"ETag": rendering.etag(found.version), "Location": f"/v1/webhooks/{found.id}"}
    return rendering.respond(document, status, headers)


def delivery(context: RequestContext, found: Delivery) -> dict[str, Any]:
    last = found.last
    return {
        "id": context.namespace.outbox.id_of(found),
        "object": "delivery",
        "webhook_id": found.webhook_id,
        "event": found.event,
        "resource_id": found.resource,
        "url": None if found.url is None else hide_query(found.url),
        "status": found.status,
        "failure_reason": found.failure_reason,
        "attempts": found.attempts,
        "last_attempt": None
        if last is None
        else {
            "at": rfc3339(last.at),
            "duration_seconds": last.duration_ms / 1000,
            "status": last.status,
            "error": last.error,
        },
        "next_attempt_at": rfc3339(found.next_attempt_at),
        "created_at": rfc3339(found.at),
        "ended_at": rfc3339(found.ended_at),
        "body": event_body(found, rfc3339),
    }
