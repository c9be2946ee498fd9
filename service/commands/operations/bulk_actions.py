"""`triage bulk`: cancel, retry or delete every job that matches."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import typer

from service.commands.arguments import Limit, Name, Queue, Since, State, Tags, Until
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import each
from service.commands.jobs.listing import filters_of
from service.commands.members import BULK, GROUP
from service.commands.operations.bulk_progress import (
    finish_bulk,
    follow_bulk,
    matched_of,
    preview_of,
    print_bulk,
    run_bulk,
    start_bulk,
)
from service.commands.output import colors
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm_many
from service.commands.output.times import moment
from service.commands.tables import Table, table_of

Action = Annotated[Literal["cancel", "retry", "delete"], typer.Argument(help="What to do with the jobs.")]
ActionId = Annotated[str, typer.Argument(metavar="ACTION_ID")]
ActionIds = Annotated[list[str], typer.Argument(metavar="ACTION_ID")]
DONE = {"cancel": "cancelled", "retry": "retried", "delete": "deleted"}
DOING = {"cancel": "cancelling", "retry": "retrying", "delete": "deleting"}

app = typer.Typer(no_args_is_help=True)


@app.command()
@connected
def create(
    api: Api,
    action: Action,
    queue: Queue = None,
    state: State = None,
    name: Name = None,
    tag: Tags = None,
    flow: Annotated[str | None, typer.Option(metavar="FLOW_ID", help="The jobs of a flow.")] = None,
    fan_out: Annotated[str | None, typer.Option(metavar="FAN_OUT_ID", help="The jobs of a fan-out.")] = None,
    since: Since = None,
    until: Until = None,
    rate: Annotated[float | None, typer.Option(help="The most jobs per second.")] = None,
    max: Annotated[int | None, typer.Option(help="The most jobs.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the matching jobs.")] = False,
    follow: Annotated[bool, typer.Option(help="Show progress until it has finished.")] = True,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Cancel, retry or delete all jobs that match, in the background.

    After Ctrl-C, it continues on the server. The exit code is 1 unless it succeeds.
    """
    body: dict[str, Any] = {
        "action": action,
        "filter": filters_of(queue, state, name, tag, flow, fan_out, since, until),
    }
    preview = preview_of(api, "/v1/bulk-actions", body, dry_run, json)
    if dry_run:
        return
    confirm_many(f"{action.capitalize()} {matched_of(preview)} jobs?", yes)
    body |= {"rate_per_second": rate, "max": max}
    if follow:
        found = run_bulk(api, "/v1/bulk-actions", body, preview, DOING[action], json)
        finish_bulk(found, DONE[action], json)
    print_bulk(start_bulk(api, "/v1/bulk-actions", body), DONE[action], json)


@app.command(name="list")
@connected
def list_actions(
    api: Api, limit: Limit = 50, watch: Watch = False, interval: Interval = SECONDS, json: Json = False
) -> None:
    """List bulk actions that are unfinished, or finished in the last 24 hours."""
    Listing(lambda: api.rows("/v1/bulk-actions", BULK, limit or None), _table).show(json, watch, interval)


def _table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "action", "state", "matched", "succeeded", "skipped", "created", "filter",
        right=("matched", "succeeded", "skipped"), keep=("action", "state"),
    )  # fmt: skip
    for row in rows:
        counts = row["counts"]
        filter = {name: value for name, value in row["filter"].items() if value is not None}
        table.add_row(
            row["id"],
            row["action"],
            colors.state(row["state"]),
            *(f"{counts[name]:,}" for name in ("matched", "succeeded", "skipped")),
            moment(row["created_at"]),
            " ".join(f"{name}={value}" for name, value in filter.items()),
        )
    return table


@app.command()
@connected
def get(
    api: Api,
    action_id: ActionId,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show progress until it has finished; 1 unless it succeeds.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a bulk action."""
    found = api.read(place("/v1/bulk-actions/{}", action_id), BULK)
    done = DONE[found["action"]]
    if follow:
        finish_bulk(follow_bulk(api, found, DOING[found["action"]], None, json), done, json)
    print_bulk(found, done, json)


@app.command()
@connected
def pause(api: Api, action_ids: ActionIds, json: Json = False) -> None:
    """Pause bulk actions."""
    _switch(api, "pause", action_ids, json)


@app.command()
@connected
def resume(api: Api, action_ids: ActionIds, json: Json = False) -> None:
    """Resume paused bulk actions."""
    _switch(api, "resume", action_ids, json)


@app.command()
@connected
def cancel(api: Api, action_ids: ActionIds, json: Json = False) -> None:
    """Stop bulk actions; jobs that they have changed stay changed."""
    _switch(api, "cancel", action_ids, json)


def _switch(api: Api, verb: str, ids: list[str], json: bool) -> None:
    def act(id: str) -> None:
        found = api.send("POST", place(f"/v1/bulk-actions/{{}}/{verb}", id), GROUP)
        print_bulk(found, DONE.get(found.get("action", ""), "done"), json)

    each(ids, act)
