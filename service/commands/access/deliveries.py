"""`triage webhooks test`, `deliveries`, `delivery` and `resend`."""

import time
from typing import Annotated, Any, Literal

import typer

from service import exit_codes
from service.commands.access.webhook_details import deliveries_table, print_delivery, say_outcome
from service.commands.arguments import AnyWebhookId, Limit, WebhookId, given
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import each
from service.commands.members import DELIVERY
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Watch
from service.commands.output.pauses import pause
from triage_client._core.requests import Repeat

MANY = "/v1/webhooks/{}/deliveries"
ONE = f"{MANY}/{{}}"
#: The pause between two reads of a delivery, in seconds.
POLL = 0.5
Status = Annotated[Literal["pending", "delivered", "failed"] | None, typer.Option(help="Status.")]
DeliveryId = Annotated[str, typer.Argument(metavar="DELIVERY_ID")]
DeliveryIds = Annotated[list[str], typer.Argument(metavar="DELIVERY_ID")]
Wait = Annotated[
    float, typer.Option(min=0, max=3_600, help="How long to wait for the first attempt, in seconds.")
]


@connected
def send_test(api: Api, id: WebhookId, wait: Wait = 15, json: Json = False) -> None:
    """Send `webhook.test` to an endpoint, and wait for its response.

    The exit code is 0 if the endpoint accepted it, 1 if not, and 5 if no worker has attempted it in time.
    """
    deadline = time.monotonic() + wait
    where = place("/v1/webhooks/{}/test", id)
    sent: Any = api.send("POST", where, DELIVERY, repeat=Repeat.UNAPPLIED)
    while not sent["attempts"] and sent["status"] == "pending" and time.monotonic() < deadline:
        pause(min(POLL, max(0.0, deadline - time.monotonic())))
        sent = api.read(place(ONE, id, sent["id"]), DELIVERY)
    say_outcome(sent, json)
    if not wait or sent["status"] == "delivered":
        return
    if sent["attempts"] or sent["status"] == "failed":
        raise typer.Exit(exit_codes.REFUSED)
    typer.echo(f"triage: no worker has attempted it after {wait:g} s", err=True)
    raise typer.Exit(exit_codes.UNFINISHED)


@connected
def deliveries(
    api: Api,
    id: AnyWebhookId,
    status: Status = None,
    limit: Limit = 50,
    watch: Watch = False,
    interval: Interval = SECONDS,
    json: Json = False,
) -> None:
    """List pending deliveries and the last 1,000 that ended, newest first."""
    where, filter = place(MANY, id), given(status=status)
    Listing(lambda: api.rows(where, DELIVERY, limit or None, **filter), deliveries_table).show(
        json, watch, interval
    )


@connected
def delivery(api: Api, id: AnyWebhookId, delivery_id: DeliveryId, json: Json = False) -> None:
    """Show a delivery: its last attempt, and what the receiver gets."""
    print_delivery(api.read(place(ONE, id, delivery_id), DELIVERY), json)


@connected
def resend(api: Api, id: AnyWebhookId, delivery_ids: DeliveryIds, json: Json = False) -> None:
    """Send ended deliveries again, or attempt pending ones now."""
    each(
        delivery_ids,
        lambda one: say_outcome(api.send("POST", place(f"{ONE}/resend", id, one), DELIVERY), json),
    )
