"""Schemas of webhooks."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.parts.callbacks import Url
from service.api.schemas.parts.fields import In, NoCursor, Out
from service.domain.webhook import MAX_OVERLAP_SECONDS, OVERLAP_SECONDS

EventFilter = Literal[
    "job.succeeded",
    "job.dead",
    "job.cancelled",
    "flow.succeeded",
    "flow.failed",
    "flow.cancelled",
    "fan_out.succeeded",
    "fan_out.failed",
    "fan_out.cancelled",
    "queue.paused",
    "queue.resumed",
    "job.*",
    "flow.*",
    "fan_out.*",
    "queue.*",
    "*",
]
Events = Annotated[list[EventFilter], Field(min_length=1, max_length=16)]
Description = Annotated[str, Field(max_length=256)]
StatusName = Literal["pending", "delivered", "failed"]


class WebhookIn(In):
    """An endpoint that receives events of the namespace."""

    url: Url = Field(description="Its address must be public, or one that TRIAGE_HTTP_ALLOW names.")
    events: Events = Field(description="Single events, all of a kind (`job.*`), or all (`*`).")
    description: Description = ""


class WebhookChangesIn(In):
    """Changes to an endpoint. Absent fields stay unchanged."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None


class RotationIn(In):
    """How long the replaced secret still signs, next to the new one."""

    overlap_seconds: Annotated[int, Field(ge=0, le=MAX_OVERLAP_SECONDS)] = OVERLAP_SECONDS


class WebhookOut(Out):
    """An endpoint and its state. `callbacks` stands for the callbacks of all jobs, flows and fan-outs."""

    id: str
    object: Literal["webhook"]
    version: int
    url: str | None
    events: list[str]
    description: str
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: Literal["failing", "gone", "requested"] | None = Field(
        description="Every attempt failed for a day; a response 410; or a request."
    )
    failing_since: datetime | None = Field(description="No attempt has succeeded since this time.")
    secret_overlap_until: datetime | None = Field(description="Until when a replaced secret still signs.")
    pending: int = Field(description="Deliveries that have not ended.")
    dropped: int = Field(description="Events that were lost because too many deliveries were pending.")
    created_at: datetime | None


class WebhookSecretOut(WebhookOut):
    """An endpoint with its new secret, which no other response shows."""

    secret: str = Field(description="`whsec_` and base64: verifies the signatures (Standard Webhooks).")


class WebhookPage(Out):
    """All endpoints, newest first."""

    items: list[WebhookOut]
    next_cursor: NoCursor


class AttemptMadeOut(Out):
    """An attempt: the status of the response, or the error instead of one."""

    at: datetime
    duration_seconds: float
    status: int | None
    error: str | None


class DeliveryOut(Out):
    """An event for an endpoint."""

    id: str = Field(description="Receivers get it as `webhook-id`, the same in each attempt.")
    object: Literal["delivery"]
    webhook_id: str
    event: str
    resource_id: str
    url: str | None = Field(description="The URL of a callback; null for an endpoint, which has its own.")
    status: StatusName
    failure_reason: Literal["exhausted", "gone", "refused", "disabled"] | None = Field(
        description=(
            "No attempts left; a response 410; an address that is not allowed; or the endpoint was disabled."
        )
    )
    attempts: int
    last_attempt: AttemptMadeOut | None
    next_attempt_at: datetime | None
    created_at: datetime
    ended_at: datetime | None
    body: dict[str, Any] = Field(description="What the receiver gets.")


class DeliveryPage(Out):
    """A page of deliveries, newest first."""

    items: list[DeliveryOut]
    next_cursor: str | None
