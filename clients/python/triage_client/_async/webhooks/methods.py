"""The methods of the client for webhooks."""

from collections.abc import AsyncIterator, Sequence

from triage_client._async.http import AsyncHttp
from triage_client._async.webhooks.handles import AsyncWebhook
from triage_client._core.requests import Repeat
from triage_client._core.specs import given, listed
from triage_client.types import WebhookSecretOut


class AsyncWebhookMethods:
    http: AsyncHttp

    async def create_webhook(
        self, url: str, events: str | Sequence[str], *, description: str | None = None
    ) -> AsyncWebhook:
        """Send events to a URL from now on; `secret` of the result verifies their signatures.

        `events` are such as "job.dead", "flow.*" for all of a kind, or "*" for all.
        """
        body = {"url": url, "events": listed(events), **given(description=description)}
        data: WebhookSecretOut = await self.http.json(
            "POST", "/v1/webhooks", body=body, repeat=Repeat.UNAPPLIED, needs=("object", "secret")
        )
        return AsyncWebhook(self.http, data["id"], data)

    async def webhooks(self) -> AsyncIterator[AsyncWebhook]:
        """The endpoints of the namespace, newest first."""
        page = await self.http.json("GET", "/v1/webhooks", needs=("items",))
        for row in page["items"]:
            yield AsyncWebhook(self.http, row["id"], row)

    def webhook(self, id: str) -> AsyncWebhook:
        """An endpoint by its id, or all callbacks as `callbacks`. Sends nothing: call a method of it."""
        return AsyncWebhook(self.http, id)

    async def get_webhook(self, id: str) -> AsyncWebhook:
        """Read an endpoint."""
        return await self.webhook(id).refresh()
