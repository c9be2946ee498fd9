"""`triage dlq`: show, retry and delete dead jobs."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from service.commands.arguments import JobId, Name, Queue, Search, given
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import delete_one, each
from service.commands.jobs.details import add_attempts, error_of, print_outcome
from service.commands.members import DEAD, DEAD_GROUP, JOB
from service.commands.operations.bulk_progress import finish_bulk, preview_of, run_bulk
from service.commands.output import colors
from service.commands.output.details import Details
from service.commands.output.documents import line_of, print_document
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm, confirm_many
from service.commands.output.times import both, moment
from service.commands.tables import Table, printable, table_of

DeadReason = Literal[
    "exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"
]
Reason = Annotated[DeadReason | None, typer.Option(help="The reason why the jobs are dead.")]
Rate = Annotated[float | None, typer.Option(help="The most jobs per second.")]
Group = Annotated[
    str | None, typer.Option(metavar="FINGERPRINT", help="The jobs of a group of `triage dlq groups`.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count the matching jobs.")]
DeadIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="JOB_ID", help="Job IDs; without them, all jobs that match the options."),
]

app = typer.Typer(no_args_is_help=True)


@app.command(name="list")
@connected
def list_dead(
    api: Api,
    queue: Queue = None,
    name: Name = None,
    reason: Reason = None,
    group: Group = None,
    search: Search = None,
    limit: Annotated[int, typer.Option(min=0, help="The most rows, newest job first; 0 for all.")] = 0,
    watch: Watch = False,
    interval: Interval = SECONDS,
    json: Json = False,
) -> None:
    """Show dead jobs."""
    filter = given(queue=queue, name=name, reason=reason, fingerprint=group, search=search)
    Listing(lambda: api.rows("/v1/dlq", DEAD, limit or None, **filter), _table).show(json, watch, interval)


def _table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "job", "name", "queue", "reason", "failures", "dead", "error", right=("failures",), keep=("error",)
    )
    for row in rows:
        text = "" if row["error"] is None else error_of(row["error"])[:200]
        table.add_row(
            row["job_id"],
            row["name"],
            row["queue"],
            row["reason"] or "",
            str(row["failures"]),
            moment(row["dead_at"]),
            text,
        )
    return table


@app.command()
@connected
def groups(
    api: Api,
    queue: Queue = None,
    name: Name = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="In the message, error type, reason or job type.")
    ] = None,
    order: Annotated[
        Literal["count", "last_seen", "first_seen"], typer.Option(help="Largest first, or by time.")
    ] = "count",
    limit: Annotated[int, typer.Option(min=0, help="The most rows; 0 for all.")] = 0,
    watch: Watch = False,
    interval: Interval = SECONDS,
    json: Json = False,
) -> None:
    """Show dead jobs grouped by their error: how many, since when, and an example of each."""
    filter = given(queue=queue, name=name, search=search, order=order)
    Listing(lambda: api.rows("/v1/dlq/groups", DEAD_GROUP, limit or None, **filter), _groups_table).show(
        json, watch, interval
    )


def _groups_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "group", "count", "name", "error", "last", "example", "reason", "first",
        right=("count",), keep=("name", "error"), whole=("example",),
    )  # fmt: skip
    for row in rows:
        error = ": ".join(filter(None, (row["error_type"], row["message"])))
        table.add_row(
            row["fingerprint"],
            f"{row['count']:,}",
            row["name"] or "",
            error[:200],
            moment(row["last_seen_at"]),
            row["example_job_id"],
            row["reason"] or "",
            moment(row["first_seen_at"]),
        )
    return table


@app.command()
@connected
def get(api: Api, job_id: JobId, json: Json = False) -> None:
    """Show a dead job with its payload and every failed attempt."""
    entry = api.read(place("/v1/dlq/{}", job_id), (*DEAD, "payload"))
    if json:
        print_document(entry)
        return
    details = Details()
    head = f"{entry['job_id']}  {printable(entry['name'])}  "
    details.add_line(Text.assemble(head, colors.state("dead", entry["reason"])))
    details.add("queue", printable(entry["queue"]))
    details.add("dead", both(entry["dead_at"]))
    details.add("failures", f"{entry['failures']}, crashes {entry.get('crashes', 0)}")
    if entry.get("redriven"):
        details.add("retried", f"{entry['redriven']} times before")
    if entry["payload"] is not None:
        details.add("payload", line_of(entry["payload"]))
    if entry["error"] is not None:
        details.add("error", error_of(entry["error"]))
    add_attempts(details, entry["attempts"], tracebacks=True)
    details.show()


@app.command()
@connected
def retry(
    api: Api,
    job_ids: DeadIds = None,
    queue: Queue = None,
    name: Name = None,
    reason: Reason = None,
    group: Group = None,
    rate: Rate = None,
    max: Annotated[int | None, typer.Option(help="The most jobs to retry.")] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Run dead jobs again, or all that match. After Ctrl-C, retrying them continues on the server."""
    filter = given(queue=queue, name=name, reason=reason, fingerprint=group)
    if job_ids:
        if filter or dry_run or rate is not None or max is not None:
            raise typer.BadParameter("give a job ID or options, not both", param_hint="JOB_ID")
        each(job_ids, lambda id: print_outcome(api.send("POST", place("/v1/dlq/{}/retry", id), JOB), json))
        return
    preview = preview_of(api, "/v1/dlq/retry", {"filter": filter}, dry_run, json)
    if not dry_run:
        body = {"filter": filter, "rate_per_second": rate, "max": max}
        finish_bulk(run_bulk(api, "/v1/dlq/retry", body, preview, "retrying", json), "retried", json)


@app.command()
@connected
def delete(
    api: Api,
    job_ids: DeadIds = None,
    queue: Queue = None,
    name: Name = None,
    group: Group = None,
    max: Annotated[int | None, typer.Option(help="The most jobs to delete.")] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Delete dead jobs, or all of a queue, a job type or a group."""
    filter = given(queue=queue, name=name, fingerprint=group)
    if job_ids:
        if filter or dry_run or max is not None:
            raise typer.BadParameter("give a job ID or options, not both", param_hint="JOB_ID")
        confirm(f"Delete {', '.join(job_ids)}?", yes)
        each(job_ids, lambda id: delete_one(api, "/v1/dlq/{}", id, json))
        return
    if not filter:
        raise typer.BadParameter("give job IDs, --queue, --name or --group", param_hint="JOB_ID")
    body: dict[str, Any] = {"action": "delete", "filter": {**filter, "state": "dead"}}
    preview = preview_of(api, "/v1/bulk-actions", body, dry_run, json)
    if dry_run:
        return
    confirm_many(f"Delete {preview['matched']:,} dead jobs?", yes)
    body["max"] = max
    finish_bulk(run_bulk(api, "/v1/bulk-actions", body, preview, "deleting", json), "deleted", json)
