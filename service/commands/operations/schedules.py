"""`triage schedules`."""

import secrets
from collections.abc import Iterable
from typing import Annotated

import typer

from service.commands.arguments import IdempotencyKey
from service.commands.completion import schedules as schedule_names
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import delete_one, each
from service.commands.jobs.details import print_outcome
from service.commands.members import JOB, SCHEDULE
from service.commands.operations.schedule_changes import create, update
from service.commands.operations.schedule_details import print_schedule, when_of
from service.commands.output.documents import print_document
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm
from service.commands.output.times import moment
from service.commands.tables import Table, printable, table_of

ScheduleName = Annotated[str, typer.Argument(metavar="NAME", autocompletion=schedule_names)]
ScheduleNames = Annotated[list[str], typer.Argument(metavar="NAME", autocompletion=schedule_names)]

app = typer.Typer(invoke_without_command=True)


@app.callback()
@connected
def default(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """Schedules; without a command, lists them."""
    _listing(api).show(json, watch, interval)


@app.command(name="list")
@connected
def list_schedules(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """List the schedules."""
    _listing(api).show(json, watch, interval)


def _listing(api: Api) -> Listing:
    return Listing(lambda: api.rows("/v1/schedules", SCHEDULE), schedules_table)


def schedules_table(rows: Iterable[Row]) -> Table:
    table = table_of("schedule", "when", "job", "next", "last", "paused", keep=("next", "paused"))
    for row in rows:
        last = row["runs"][0] if row["runs"] else None
        table.add_row(
            row["name"],
            when_of(row),
            row["job"]["name"],
            moment(row["next_run_at"]),
            f"{moment(last['at'])} {last['outcome']}" if last else "",
            "yes" if row["paused"] else "",
        )
    return table


@app.command()
@connected
def get(api: Api, name: ScheduleName, json: Json = False) -> None:
    """Show a schedule with its next fire times and its last runs."""
    print_schedule(api.read(place("/v1/schedules/{}", name), SCHEDULE), json)


app.command()(create)
app.command()(update)


@app.command()
@connected
def pause(api: Api, names: ScheduleNames, json: Json = False) -> None:
    """Stop firing. Fire times during the pause are not caught up."""
    _switch(api, "pause", names, json)


@app.command()
@connected
def resume(api: Api, names: ScheduleNames, json: Json = False) -> None:
    """Fire again, from the next fire time."""
    _switch(api, "resume", names, json)


def _switch(api: Api, verb: str, names: list[str], json: bool) -> None:
    def act(name: str) -> None:
        found = api.send("POST", place(f"/v1/schedules/{{}}/{verb}", name), SCHEDULE)
        if json:
            print_document(found)
        else:
            state = "paused" if found["paused"] else f"next at {found['next_run_at'] or 'no time'}"
            typer.echo(f"{printable(name)}: {state}")

    each(names, act)


@app.command(name="run-now")
@connected
def run_now(api: Api, name: ScheduleName, idempotency_key: IdempotencyKey = None, json: Json = False) -> None:
    """Submit the schedule's job now, even if it is paused, and show the job."""
    headers = {"Idempotency-Key": idempotency_key or secrets.token_hex(16)}
    print_outcome(api.send("POST", place("/v1/schedules/{}/run-now", name), JOB, headers=headers), json)


@app.command()
@connected
def delete(api: Api, names: ScheduleNames, yes: Yes = False, json: Json = False) -> None:
    """Delete schedules. Jobs that they have submitted continue."""
    confirm(f"Delete {', '.join(names)}?", yes)
    each(names, lambda name: delete_one(api, "/v1/schedules/{}", name, json))
