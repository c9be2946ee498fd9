"""`triage webhooks`."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from service.commands.access.deliveries import deliveries, delivery, resend, send_test
from service.commands.access.webhook_details import print_webhook, show_secret, state_of, webhooks_table
from service.commands.arguments import AnyWebhookId, WebhookId, WebhookIds, given
from service.commands.connection import Api, check_members, connected, place
from service.commands.jobs.actions import delete_one, each
from service.commands.members import WEBHOOK
from service.commands.output.documents import print_document
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm
from service.domain.callback import EVENT_FILTERS
from service.domain.webhook import MAX_OVERLAP_SECONDS, OVERLAP_SECONDS
from triage_client._core.requests import Repeat

ONE = "/v1/webhooks/{}"
_EVENTS_HELP = "Repeatable: an event such as job.dead, all of a kind as in 'flow.*', or '*' for all."


def _events(incomplete: str) -> list[str]:
    return [event for event in EVENT_FILTERS if event.startswith(incomplete)]


Events = Annotated[
    list[str], typer.Option("--event", metavar="EVENT", help=_EVENTS_HELP, autocompletion=_events)
]
NewEvents = Annotated[
    list[str] | None,
    typer.Option(
        "--event", metavar="EVENT", help=f"In place of all before. {_EVENTS_HELP}", autocompletion=_events
    ),
]

app = typer.Typer(invoke_without_command=True)


@app.callback()
@connected
def default(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """Webhooks; without a command, lists them."""
    _listing(api).show(json, watch, interval)


@app.command(name="list")
@connected
def list_webhooks(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """List the endpoints with their state, newest first."""
    _listing(api).show(json, watch, interval)


def _listing(api: Api) -> Listing:
    def read() -> Iterable[Row]:
        # Few enough for one page.
        rows = api.read("/v1/webhooks", ("items", "next_cursor"))["items"]
        check_members(f"{api.address}/v1/webhooks responded with unexpected rows", rows, WEBHOOK)
        return rows

    return Listing(read, webhooks_table)


@app.command()
@connected
def get(api: Api, id: AnyWebhookId, json: Json = False) -> None:
    """Show an endpoint: its state, and why it is disabled."""
    print_webhook(api.read(place(ONE, id), WEBHOOK), json)


@app.command()
@connected
def create(
    api: Api,
    endpoint: Annotated[str, typer.Argument(metavar="URL", help="Receives a signed POST for each event.")],
    event: Events,
    description: Annotated[str | None, typer.Option(help="A note.")] = None,
    json: Json = False,
) -> None:
    """Send events to a URL from now on. The secret that verifies their signatures is shown once."""
    body = {"url": endpoint, "events": event} | given(description=description)
    needs = (*WEBHOOK, "secret")
    show_secret(api.send("POST", "/v1/webhooks", needs, body, repeat=Repeat.UNAPPLIED), json)


@app.command()
@connected
def update(
    api: Api,
    id: WebhookId,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="The new URL; pending deliveries go there.")
    ] = None,
    event: NewEvents = None,
    description: Annotated[str | None, typer.Option(help="A note.")] = None,
    json: Json = False,
) -> None:
    """Change an endpoint. What you do not give stays."""
    changes = given(url=endpoint, events=event or None, description=description)
    if not changes:
        raise typer.BadParameter("give --endpoint, --event or --description", param_hint="--endpoint")
    print_webhook(api.send("PATCH", place(ONE, id), WEBHOOK, changes), json)


@app.command()
@connected
def delete(api: Api, ids: WebhookIds, yes: Yes = False, json: Json = False) -> None:
    """Delete endpoints and their deliveries, also pending ones."""
    confirm(f"Delete {', '.join(ids)}?", yes)
    each(ids, lambda id: delete_one(api, ONE, id, json))


@app.command()
@connected
def rotate(
    api: Api,
    id: AnyWebhookId,
    overlap_seconds: Annotated[
        int, typer.Option(min=0, max=MAX_OVERLAP_SECONDS, help="How long the old secret also signs.")
    ] = OVERLAP_SECONDS,
    json: Json = False,
) -> None:
    """Replace the secret, which is shown once. The first rotation of `callbacks` creates it."""
    where, body = place(f"{ONE}/rotate-secret", id), {"overlap_seconds": overlap_seconds}
    show_secret(api.send("POST", where, (*WEBHOOK, "secret"), body, repeat=Repeat.UNAPPLIED), json)


@app.command()
@connected
def enable(api: Api, ids: WebhookIds, json: Json = False) -> None:
    """Deliver events from now on. Events of the time before were not recorded."""
    _switch(api, "enable", ids, json)


@app.command()
@connected
def disable(api: Api, ids: WebhookIds, json: Json = False) -> None:
    """End pending deliveries, and record no new ones."""
    _switch(api, "disable", ids, json)


def _switch(api: Api, verb: str, ids: list[str], json: bool) -> None:
    def act(id: str) -> None:
        found: Any = api.send("POST", place(f"{ONE}/{verb}", id), WEBHOOK)
        print_document(found) if json else typer.echo(f"{found['id']}: {state_of(found).plain}")

    each(ids, act)


app.command(name="test")(send_test)
for command in (deliveries, delivery, resend):
    app.command()(command)
