# Written by `make generate` from triage_client/_async/webhooks/methods.py: change that file.
"""The methods of the client for webhooks."""

from collections.abc import Iterator, Sequence

from triage_client._sync.http import Http
from triage_client._sync.webhooks.handles import Webhook
from triage_client._core.requests import Repeat
from triage_client._core.specs import given, listed
from triage_client.types import WebhookSecretOut


class WebhookMethods:
    http: Http

    def create_webhook(
        self, url: str, events: str | Sequence[str], *, description: str | None = None
    ) -> Webhook:
        """Send events to a URL from now on; `secret` of the result verifies their signatures.

        `events` are such as "job.dead", "flow.*" for all of a kind, or "*" for all.
        """
        body = {"url": url, "events": listed(events), **given(description=description)}
        data: WebhookSecretOut = self.http.json(
            "POST", "/v1/webhooks", body=body, repeat=Repeat.UNAPPLIED, needs=("object", "secret")
        )
        return Webhook(self.http, data["id"], data)

    def webhooks(self) -> Iterator[Webhook]:
        """The endpoints of the namespace, newest first."""
        page = self.http.json("GET", "/v1/webhooks", needs=("items",))
        for row in page["items"]:
            yield Webhook(self.http, row["id"], row)

    def webhook(self, id: str) -> Webhook:
        """An endpoint by its id, or all callbacks as `callbacks`. Sends nothing: call a method of it."""
        return Webhook(self.http, id)

    def get_webhook(self, id: str) -> Webhook:
        """Read an endpoint."""
        return self.webhook(id).refresh()
