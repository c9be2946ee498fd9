"""`triage queues`."""

from collections.abc import Iterable
from typing import Annotated, Literal

import typer

from service.commands.arguments import QueueName, given
from service.commands.completion import job_types
from service.commands.completion import queues as queue_names
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import delete_one, each
from service.commands.members import QUEUE
from service.commands.operations.queue_settings import change_queue, print_queue
from service.commands.output import colors
from service.commands.output.documents import print_document
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.prompts import Yes, confirm, confirm_many
from service.commands.output.times import duration
from service.commands.tables import Table, printable, table_of
from service.commands.top.figures import notes

Order = Annotated[
    Literal["name", "attention"],
    typer.Option(help="By name, or those that need attention first (at most 200)."),
]
JobType = Annotated[
    str | None,
    typer.Option("--job-type", metavar="NAME", help="Only this job type.", autocompletion=job_types),
]
QueueNames = Annotated[list[str], typer.Argument(metavar="NAME", autocompletion=queue_names)]
COUNTS = ("queued", "scheduled", "retrying", "running", "blocked")

app = typer.Typer(invoke_without_command=True)


@app.callback()
@connected
def default(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """Queues; without a command, lists them."""
    _list(api, "name", watch, interval, json)


@app.command(name="list")
@connected
def list_queues(
    api: Api, order: Order = "name", watch: Watch = False, interval: Interval = SECONDS, json: Json = False
) -> None:
    """List the queues."""
    _list(api, order, watch, interval, json)


def _list(api: Api, order: str, watch: bool, interval: float, json: bool) -> None:
    def read() -> Iterable[Row]:
        return api.rows("/v1/queues", QUEUE, None if order == "name" else 200, order=order)

    Listing(read, queues_table).show(json, watch, interval)


def queues_table(rows: Iterable[Row]) -> Table:
    numbers = (*COUNTS, "dead", "oldest", "in/s", "out/s", "workers")
    table = table_of("queue", *numbers, "notes", right=numbers, keep=("queued", "running", "dead", "notes"))
    for row in rows:
        oldest = row["oldest_queued_seconds"]
        table.add_row(
            row["name"],
            *(colors.count(row["counts"][state]) for state in COUNTS),
            colors.count(row["dlq_depth"], "bold red"),
            "" if oldest is None else duration(oldest),
            f"{row['enqueued_per_second']:,.1f}",
            f"{row['finished_per_second']:,.1f}",
            colors.count(row["workers"]),
            ", ".join(notes(row)),
        )
    return table


@app.command()
@connected
def get(api: Api, name: QueueName, json: Json = False) -> None:
    """Show a queue with its limits and other settings."""
    print_queue(api.read(place("/v1/queues/{}", name), QUEUE), json)


app.command(name="set")(change_queue)


@app.command()
@connected
def pause(api: Api, names: QueueNames, job_type: JobType = None, json: Json = False) -> None:
    """Start no more jobs of the queues. Running ones continue."""
    _switch(api, "pause", names, job_type, json)


@app.command()
@connected
def resume(api: Api, names: QueueNames, job_type: JobType = None, json: Json = False) -> None:
    """Start jobs of the queues again, and end freezes. A paused job type is resumed separately."""
    _switch(api, "resume", names, job_type, json)


def _switch(api: Api, verb: str, names: list[str], job_type: str | None, json: bool) -> None:
    body = given(job_type=job_type)

    def act(name: str) -> None:
        queue = api.send("POST", place(f"/v1/queues/{{}}/{verb}", name), QUEUE, body)
        if json:
            print_document(queue)
        elif job_type is None:
            typer.echo(f"{printable(name)}: {'paused' if queue['paused'] else 'running'}")
        else:
            paused = job_type in queue["paused_job_types"]
            typer.echo(f"{printable(name)}, {printable(job_type)}: {'paused' if paused else 'running'}")

    each(names, act)


@app.command()
@connected
def purge(api: Api, name: QueueName, yes: Yes = False, json: Json = False) -> None:
    """Cancel all waiting jobs of a queue: queued, scheduled and retrying ones."""
    if not yes:
        counts = api.read(place("/v1/queues/{}", name), QUEUE)["counts"]
        waiting = sum(counts[state] for state in ("queued", "scheduled", "retrying"))
        confirm_many(f"Cancel {waiting:,} waiting jobs of queue {name}?", yes)
    purged = api.triage.queue(name).purge()
    if json:
        print_document({"purged": purged})
    else:
        typer.echo(f"Cancelled {purged:,} jobs of {printable(name)}.")


@app.command()
@connected
def delete(api: Api, name: QueueName, yes: Yes = False, json: Json = False) -> None:
    """Delete an empty queue with its settings."""
    confirm(f"Delete queue {name} and its settings?", yes)
    delete_one(api, "/v1/queues/{}", name, json)
