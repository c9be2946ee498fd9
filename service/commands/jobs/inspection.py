"""`triage get` and `triage logs`."""

from typing import Annotated, Any

import typer

from service.commands import following
from service.commands.arguments import JobId
from service.commands.connection import Api, connected, place
from service.commands.jobs.details import add_attempts, add_logs, job_details, log_line
from service.commands.jobs.log_lines import LogLines
from service.commands.members import ITEMS, WHOLE_JOB
from service.commands.output.documents import print_document
from service.commands.output.listing import Json


@connected
def get(
    api: Api,
    job_id: JobId,
    explain: Annotated[bool, typer.Option("--explain", help="Show why the job is in its state.")] = False,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Also show the traceback of every failed attempt.")
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="Also show the log lines.")] = False,
    json: Json = False,
) -> None:
    """Show a job, with its last failure.

    With --json, --attempts and --logs add the members `attempts` and `logs` to the job.
    """
    if explain:
        _explain(api, job_id, json)
        return
    job = api.read(place("/v1/jobs/{}", job_id), WHOLE_JOB)
    found: dict[str, Any] = {}
    if attempts or (job["error"] is not None and not json):
        found["attempts"] = api.read(place("/v1/jobs/{}/attempts", job_id), ITEMS)["items"]
    if logs:
        found["logs"] = api.read(place("/v1/jobs/{}/logs", job_id), ITEMS)["items"]
    if json:
        print_document(job | found)
        return
    details = job_details(job)
    add_attempts(details, found.get("attempts", ()), attempts)
    if logs:
        add_logs(details, found["logs"])
    details.show()


def _explain(api: Api, job_id: str, json: bool) -> None:
    found = api.read(place("/v1/jobs/{}/explain", job_id), ("state", "reasons"))
    if json:
        print_document(found)
        return
    lines = [f"{row['code']}: {row['message']}" for row in found["reasons"]]
    typer.echo("\n".join([found["state"], *lines]))


@connected
def logs(
    api: Api,
    job_id: JobId,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Print new lines until the job has finished.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the log lines of a job's handler, at most the last 1,000; with --json, one document per line."""
    log = LogLines(api, job_id)

    def show() -> None:
        for row in log.new():
            print_document(row) if json else typer.echo(log_line(row))

    job = api.read(place("/v1/jobs/{}", job_id), WHOLE_JOB) if follow else None
    show()
    if job is not None:
        for _ in following.changes(api, job, WHOLE_JOB, poll=log.SECONDS):
            show()
