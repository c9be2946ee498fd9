"""`triage list`: the jobs that match filters."""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from service.commands.arguments import Limit, Name, Queue, Search, Since, State, Tags, Until, given
from service.commands.connection import Api, connected
from service.commands.members import WHOLE_JOB
from service.commands.output import colors
from service.commands.output.listing import SECONDS, Interval, Json, Listing, Row, Watch
from service.commands.output.times import between, moment, timestamp
from service.commands.tables import Table, table_of


@connected
def list_jobs(
    api: Api,
    queue: Queue = None,
    state: State = None,
    name: Name = None,
    tag: Tags = None,
    flow: Annotated[str | None, typer.Option(metavar="FLOW_ID", help="The jobs of a flow.")] = None,
    fan_out: Annotated[str | None, typer.Option(metavar="FAN_OUT_ID", help="The jobs of a fan-out.")] = None,
    since: Since = None,
    until: Until = None,
    search: Search = None,
    limit: Limit = 50,
    watch: Watch = False,
    interval: Interval = SECONDS,
    json: Json = False,
) -> None:
    """List jobs, newest first."""
    filters = filters_of(queue, state, name, tag, flow, fan_out, since, until) | given(search=search)
    Listing(lambda: api.rows("/v1/jobs", WHOLE_JOB, limit or None, **filters), jobs_table).show(
        json, watch, interval
    )


def filters_of(
    queue: str | None,
    state: str | None,
    name: str | None,
    tag: list[str] | None,
    flow: str | None,
    fan_out: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    """The filter that the options mean, with the API's names. Raises BadParameter."""
    return given(
        queue=queue,
        state=state,
        name=name,
        tag=tag or None,
        flow_id=flow,
        fan_out_id=fan_out,
        created_after=_time(since, "--since"),
        created_before=_time(until, "--until"),
    )


def _time(text: str | None, hint: str) -> str | None:
    try:
        return None if text is None else timestamp(text, time.time())
    except ValueError as error:
        message = f"{text!r} is neither a time like 2026-11-27T09:30:00Z nor a duration like 15m, 2h or 7d"
        raise typer.BadParameter(message, param_hint=hint) from error


def jobs_table(rows: Iterable[Row]) -> Table:
    table = table_of(
        "id", "name", "queue", "state", "created", "attempt", "took", "started", "tags",
        right=("attempt", "took"), keep=("name", "state"),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["id"],
            row["name"],
            row["queue"],
            colors.state(row["state"], row["state_reason"]),
            moment(row["created_at"]),
            f"{row['attempt']}/{row['max_attempts']}",
            between(row.get("started_at"), row["finished_at"]),
            moment(row.get("started_at")),
            " ".join(f"{key}:{value}" for key, value in row["tags"].items()),
        )
    return table
