"""`triage workers`."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from service import exit_codes
from service.commands.completion import workers as worker_ids
from service.commands.connection import Api, connected, place
from service.commands.jobs.actions import each
from service.commands.members import WORKER
from service.commands.output import colors
from service.commands.output.details import Details
from service.commands.output.documents import print_document
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.pauses import pause
from service.commands.output.times import both, moment
from service.commands.tables import Table, printable, table_of
from triage_client import NotFound

WorkerId = Annotated[str, typer.Argument(metavar="WORKER_ID", autocompletion=worker_ids)]
WorkerIds = Annotated[list[str], typer.Argument(metavar="WORKER_ID", autocompletion=worker_ids)]
#: The pause between two checks whether a worker has left, in seconds.
POLL = 0.5

app = typer.Typer(invoke_without_command=True)


@app.callback()
@connected
def default(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """Workers; without a command, lists them."""
    _listing(api).show(json, watch, interval)


@app.command(name="list")
@connected
def list_workers(api: Api, watch: Watch = False, interval: Interval = SECONDS, json: Json = False) -> None:
    """List the workers, as of their last heartbeat."""
    _listing(api).show(json, watch, interval)


def _listing(api: Api) -> Listing:
    return Listing(lambda: api.rows("/v1/workers", WORKER), workers_table)


def workers_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "state", "running", "slots", "host", "pid", "version", "seen", "started", "queues",
        right=("running", "slots", "pid"), keep=("state",),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["id"],
            colors.state(row["state"]),
            str(row["running"]),
            str(row["capacity"]),
            row["host"],
            str(row["pid"]),
            row["version"],
            moment(row["seen_at"]),
            moment(row["started_at"]),
            weights_of(row),
        )
    return table


def weights_of(worker: Row) -> str:
    return ",".join(f"{name}={weight}" for name, weight in worker["queues"].items())


@app.command()
@connected
def get(api: Api, worker_id: WorkerId, json: Json = False) -> None:
    """Show a worker with its queues and job types."""
    worker = api.read(place("/v1/workers/{}", worker_id), WORKER)
    if json:
        print_document(worker)
        return
    details = Details()
    details.add_line(colors.state(f"{worker['id']}  {worker['state']}"))
    details.add("process", printable(f"{worker['host']}, pid {worker['pid']}, version {worker['version']}"))
    details.add("jobs", f"{worker['running']} running, {worker['capacity']} slots")
    details.add("queues", printable(weights_of(worker)))
    details.add("job types", printable(" ".join(worker["job_types"])))
    details.add("started", both(worker["started_at"]))
    details.add("seen", both(worker["seen_at"]))
    details.show()


@app.command()
@connected
def drain(
    api: Api,
    worker_ids: WorkerIds,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="How long to wait until they have left, in seconds.")
    ] = 0,
    json: Json = False,
) -> None:
    """Let workers claim no more jobs, finish or hand back theirs, and exit.

    With --wait, the exit code is 0 once all have left, and 5 if some are left in the end.
    """
    deadline = time.monotonic() + wait

    def act(id: str) -> None:
        worker = api.send("POST", place("/v1/workers/{}/drain", id), WORKER)
        print_document(worker) if json else typer.echo(f"{worker['id']}: {worker['state']}")

    each(worker_ids, act)
    if not wait:
        return
    left = list(worker_ids)
    while left := [id for id in left if not _has_left(api, id)]:
        if time.monotonic() >= deadline:
            typer.echo(f"triage: still there after {wait:g} s: {', '.join(left)}", err=True)
            raise typer.Exit(exit_codes.UNFINISHED)
        pause(POLL)


def _has_left(api: Api, id: str) -> bool:
    """A worker that exits removes its entry; one that was killed meanwhile is lost."""
    try:
        found: Any = api.read(place("/v1/workers/{}", id), WORKER)
    except NotFound:
        return True
    return found["state"] == "lost"
