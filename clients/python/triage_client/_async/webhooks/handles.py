"""Handles of webhooks and of deliveries."""

from collections.abc import AsyncIterator
from typing import Any, Literal, Self, Unpack, cast

from triage_client._async.handle import AsyncHandle
from triage_client._async.http import AsyncHttp
from triage_client._core.requests import Repeat, if_version, path
from triage_client._core.specs import given
from triage_client.types import DeliveryOut, WebhookChangesIn, WebhookOut


class AsyncWebhook(AsyncHandle[WebhookOut]):
    """An endpoint that receives events; the id `callbacks` stands for all callbacks of the namespace."""

    PLACE = "/v1/webhooks/{}"

    @property
    def url(self) -> str | None:
        return self.data["url"]

    @property
    def enabled(self) -> bool:
        return self.data["enabled"]

    @property
    def disabled_reason(self) -> str | None:
        return self.data["disabled_reason"]

    @property
    def secret(self) -> str | None:
        """The secret that verifies signatures: present right after the creation or a rotation."""
        return cast("dict[str, Any]", self.data).get("secret")

    async def update(self, *, if_match: int | None = None, **changes: Unpack[WebhookChangesIn]) -> Self:
        """Change URL, events or description. With `if_match`, only while its version is still this one."""
        headers, repeat = if_version(if_match)
        place = path("/v1/webhooks/{}", self.id)
        return self.load(await self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    async def delete(self, *, if_match: int | None = None) -> None:
        """Delete the endpoint and its deliveries."""
        headers, repeat = if_version(if_match)
        await self.http.json("DELETE", path("/v1/webhooks/{}", self.id), headers=headers, repeat=repeat)

    async def rotate_secret(self, *, overlap_seconds: int | None = None) -> str:
        """Replace the secret, and return the new one. Both sign until the overlap ends: by default, a day."""
        place = path("/v1/webhooks/{}/rotate-secret", self.id)
        body = given(overlap_seconds=overlap_seconds)
        found = await self.http.json(
            "POST", place, body=body, repeat=Repeat.UNAPPLIED, needs=("object", "secret")
        )
        self.load(found)
        return found["secret"]

    async def enable(self) -> Self:
        """Deliver events from now on."""
        return self.load(await self.http.json("POST", path("/v1/webhooks/{}/enable", self.id)))

    async def disable(self) -> Self:
        """End pending deliveries, and record no new ones."""
        return self.load(await self.http.json("POST", path("/v1/webhooks/{}/disable", self.id)))

    async def test(self) -> "AsyncDelivery":
        """Send `webhook.test` to this endpoint; refresh the delivery to see how it went."""
        place = path("/v1/webhooks/{}/test", self.id)
        data: DeliveryOut = await self.http.json("POST", place, repeat=Repeat.UNAPPLIED)
        return AsyncDelivery(self.http, self.id, data["id"], data)

    async def deliveries(
        self, status: Literal["pending", "delivered", "failed"] | None = None, limit: int | None = None
    ) -> AsyncIterator["AsyncDelivery"]:
        """Pending deliveries and the last that ended, newest first."""
        place = path("/v1/webhooks/{}/deliveries", self.id)
        async for row in self.http.items(place, {"status": status}, limit):
            yield AsyncDelivery(self.http, self.id, row["id"], row)

    def delivery(self, id: str) -> "AsyncDelivery":
        """A delivery by its id. Sends nothing: call a method of it."""
        return AsyncDelivery(self.http, self.id, id)


class AsyncDelivery(AsyncHandle[DeliveryOut]):
    """An event for an endpoint; its id is the `webhook-id` that the receiver gets."""

    PLACE = "/v1/webhooks/{}/deliveries/{}"

    def __init__(self, http: AsyncHttp, webhook_id: str, id: str, data: DeliveryOut | None = None) -> None:
        super().__init__(http, id, data)
        self.webhook_id = webhook_id

    @property
    def place(self) -> str:
        return path(self.PLACE, self.webhook_id, self.id)

    @property
    def event(self) -> str:
        return self.data["event"]

    @property
    def status(self) -> str:
        return self.data["status"]

    async def resend(self) -> Self:
        """Send an ended delivery again, or attempt a pending one now."""
        place = path("/v1/webhooks/{}/deliveries/{}/resend", self.webhook_id, self.id)
        return self.load(await self.http.json("POST", place))
