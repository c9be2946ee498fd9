"""`triage tail`."""

from typing import Annotated, Any

import typer

from service.commands import following
from service.commands.connection import Api, connected, place
from service.commands.jobs.details import log_line, progress_of
from service.commands.jobs.log_lines import LogLines
from service.commands.members import GROUP, JOB
from service.commands.output.documents import print_document
from service.commands.output.groups import counts_of
from service.commands.output.listing import Json


@connected
def tail(
    api: Api,
    id: Annotated[str, typer.Argument(metavar="ID", help="A job, a flow, a fan-out or a bulk action.")],
    logs: Annotated[
        bool | None, typer.Option(help="Print log lines of a job; by default not with --json.")
    ] = None,
    json: Json = False,
) -> None:
    """Follow a job until it finishes: its states, its progress and its log lines.

    The exit code says how it finished: 0 succeeded, 3 dead, 4 cancelled. It also follows a flow, a fan-out
    or a bulk action; 3 means that a flow or a fan-out failed.
    """
    kind = id.partition("_")[0]
    is_job = kind not in following.PLACES or kind == "job"
    needs = JOB if is_job else GROUP
    found = api.read(place("/v1/jobs/{}" if is_job else following.PLACES[kind], id), needs)
    log = LogLines(api, id) if is_job and (logs if logs is not None else not json) else None
    if found["state"] in following.FINISHED:
        _show_log(log, json)
    _show(found, is_job, json)
    for changed in following.changes(api, found, needs, poll=following.POLL if log is None else log.SECONDS):
        # The lines of a run come before the state in which it finished.
        _show_log(log, json)
        if changed is not None:
            found = changed
            _show(found, is_job, json)
    following.end(found, "has not finished")


def _show(found: dict[str, Any], is_job: bool, json: bool) -> None:
    if json:
        print_document(found)
    elif is_job:
        done = "" if found["progress"] is None else f" {progress_of(found['progress'])}"
        typer.echo(f"{found['state']}{done}")
    else:
        typer.echo(f"{found['state']} {counts_of(found['counts'])}")


def _show_log(log: LogLines | None, json: bool) -> None:
    for row in log.new() if log is not None else ():
        print_document({"object": "log", **row}) if json else typer.echo(f"  {log_line(row)}")
