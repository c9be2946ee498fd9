"""The commands that `triage flows` and `triage fan-outs` have in common."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.text import Text

from service.commands.arguments import Limit, State, given
from service.commands.connection import Api, connected, place
from service.commands.groups.submission import end_group
from service.commands.jobs.actions import delete_one, each
from service.commands.jobs.listing import jobs_table
from service.commands.members import NAMED_GROUP, WHOLE_JOB
from service.commands.output import colors
from service.commands.output.details import Details
from service.commands.output.documents import print_document
from service.commands.output.groups import counts_of, follow_group, print_group, progress_bar
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm
from service.commands.output.times import between, both, moment
from service.commands.tables import Table, printable, table_of

Id = Annotated[str, typer.Argument(metavar="ID")]
Ids = Annotated[list[str], typer.Argument(metavar="ID")]
Grace = Annotated[float | None, typer.Option(help="How long running jobs have to stop, in seconds.")]
Follow = Annotated[
    bool,
    typer.Option("--follow", help="Show progress until it finishes; the exit code is 1 unless it succeeds."),
]


def group_app(collection: str, singular: str) -> typer.Typer:
    """`collection` is the path, such as /v1/flows."""
    app = typer.Typer(no_args_is_help=True)
    one = f"{collection}/{{}}"

    def show(read: Any, draw: Any, json: bool, watch: bool, interval: float) -> None:
        Listing(read, draw).show(json, watch, interval)

    @app.command(name="list", help=f"List {singular}s, newest first.")
    @connected
    def list_groups(
        api: Api, limit: Limit = 50, watch: Watch = False, interval: Interval = SECONDS, json: Json = False
    ) -> None:
        show(lambda: api.rows(collection, NAMED_GROUP, limit or None), groups_table, json, watch, interval)

    @app.command(name="get", help=f"Show a {singular}.")
    @connected
    def get(api: Api, id: Id, follow: Follow = False, json: Json = False) -> None:
        found = api.read(place(one, id), NAMED_GROUP)
        if follow:
            with progress_bar(json) as progress:
                found = follow_group(api, found, progress)
        if json:
            print_document(found)
        else:
            group_details(found).show()
        if follow:
            end_group(found)

    @app.command(name="jobs", help=f"List the jobs of a {singular}.")
    @connected
    def jobs(
        api: Api,
        id: Id,
        state: State = None,
        limit: Limit = 50,
        watch: Watch = False,
        interval: Interval = SECONDS,
        json: Json = False,
    ) -> None:
        def read() -> Iterable[Row]:
            if collection == "/v1/fan-outs":
                return api.rows(place(f"{one}/jobs", id), WHOLE_JOB, limit or None, **given(state=state))
            rows = api.rows(place(f"{one}/jobs", id), WHOLE_JOB, None if state else limit or None)
            found = (row for row in rows if state in (None, row["state"]))
            return (row for _, row in zip(range(limit), found, strict=False)) if limit else found

        show(read, jobs_table, json, watch, interval)

    @app.command(name="cancel", help=f"Cancel the unfinished jobs of {singular}s.")
    @connected
    def cancel(api: Api, ids: Ids, grace: Grace = None, json: Json = False) -> None:
        body = given(grace_seconds=grace)
        each(
            ids, lambda id: print_group(api.send("POST", place(f"{one}/cancel", id), NAMED_GROUP, body), json)
        )

    @app.command(name="retry", help=f"Run the jobs of a {singular} that did not succeed again.")
    @connected
    def retry(api: Api, id: Id, follow: Follow = False, json: Json = False) -> None:
        # Not repeated if its outcome is unknown: the second request could find that nothing is left to retry.
        found: Any = (
            (api.triage.flow_by_id(id) if singular == "flow" else api.triage.fan_out_by_id(id)).retry().data
        )
        if follow:
            with progress_bar(json) as progress:
                found = follow_group(api, found, progress)
        print_group(found, json)
        if follow:
            end_group(found)

    @app.command(name="delete", help=f"Delete finished {singular}s with their jobs.")
    @connected
    def delete(api: Api, ids: Ids, yes: Yes = False, json: Json = False) -> None:
        confirm(f"Delete {', '.join(ids)} with all jobs?", yes)
        each(ids, lambda id: delete_one(api, one, id, json))

    del list_groups, get, jobs, cancel, retry, delete
    return app


def groups_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "name", "state", "done", "created", "took", "counts", right=("done", "took"), keep=("state",)
    )
    for row in rows:
        counts = row["counts"]
        done = counts["succeeded"] + counts["dead"] + counts["cancelled"]
        table.add_row(
            row["id"],
            row["name"],
            colors.state(row["state"]),
            f"{done}/{counts['total']}",
            moment(row["created_at"]),
            between(row["created_at"], row["finished_at"]),
            counts_of({name: number for name, number in counts.items() if name != "total"}),
        )
    return table


def group_details(group: dict[str, Any]) -> Details:
    details = Details()
    head = f"{group['id']}  {printable(group['name'])}  "
    details.add_line(Text.assemble(head, colors.state(group["state"])))
    details.add("jobs", counts_of(group["counts"]))
    details.add("created", both(group["created_at"]))
    if group["finished_at"]:
        took = between(group["created_at"], group["finished_at"])
        details.add("finished", f"{both(group['finished_at'])}, after {took}")
    if "sealed" in group and not group["sealed"]:
        details.add("sealed", "no: it can get more items")
    if group.get("max_concurrency") is not None:
        details.add("limit", f"{group['max_concurrency']} items at a time")
    tolerance = {
        name: value for name, value in (group.get("failure_tolerance") or {}).items() if value is not None
    }
    if tolerance:
        details.add(
            "tolerates", ", ".join(f"{value:g} {name}" for name, value in tolerance.items()) + " of failures"
        )
    if group.get("then_job_id"):
        details.add("then", group["then_job_id"])
    for key, id in group.get("jobs", {}).items():
        details.add("job", f"{id}  {printable(key)}")
    return details
