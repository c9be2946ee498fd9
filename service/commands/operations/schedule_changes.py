"""`triage schedules create` and `update`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from service import exit_codes
from service.commands.arguments import Queue, given, object_of
from service.commands.completion import job_types
from service.commands.completion import schedules as schedule_names
from service.commands.connection import Api, connected, place
from service.commands.members import SCHEDULE
from service.commands.operations.schedule_details import print_schedule
from service.commands.output.listing import Json
from triage_client import NotFound

#: How the API shows a value that the key may not see, or that the job type redacts.
HIDDEN = "[redacted]"
#: The members that a client sends.
_OWN = ("cron", "every_seconds", "timezone", "job", "start_at", "end_at", "catch_up", "overlap", "paused")

Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=schedule_names)]
Cron = Annotated[str | None, typer.Option(help="5 fields, or 6 with seconds first, or @hourly, @daily, ...")]
Every = Annotated[float | None, typer.Option(metavar="SECONDS", help="Instead of --cron.")]
Timezone = Annotated[
    str | None, typer.Option(help="An IANA time zone, such as Europe/Berlin; UTC by default.")
]
Job = Annotated[str | None, typer.Option(metavar="NAME", help="Job type.", autocompletion=job_types)]
Payload = Annotated[str | None, typer.Option(help="A JSON object, @FILE, or -.")]
Time = Annotated[str | None, typer.Option(metavar="TIME", help="In RFC 3339.")]
CatchUp = Annotated[
    Literal["none", "latest", "all"] | None, typer.Option(help="What to do with missed fire times.")
]
Overlap = Annotated[
    Literal["allow", "skip", "replace"] | None,
    typer.Option(help="What to do while an earlier run is unfinished."),
]
Paused = Annotated[bool | None, typer.Option("--paused/--running", help="Whether it fires.")]


@connected
def create(
    api: Api,
    name: Name,
    cron: Cron = None,
    every: Every = None,
    timezone: Timezone = None,
    job: Job = None,
    payload: Payload = None,
    queue: Queue = None,
    start_at: Time = None,
    end_at: Time = None,
    catch_up: CatchUp = None,
    overlap: Overlap = None,
    paused: Paused = None,
    file: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="The whole schedule as YAML or JSON, as the API takes it."
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a schedule of this name.")] = False,
    json: Json = False,
) -> None:
    """Create a schedule. Options come on top of --file."""
    where = place("/v1/schedules/{}", name)
    if not replace and _exists(api, where):
        typer.echo(f"triage: schedule {name} exists already; use `update`, or --replace", err=True)
        raise typer.Exit(exit_codes.REFUSED)
    body = {} if file is None else _document(file)
    times = _times(cron, every, timezone, start_at, end_at)
    body |= times | given(catch_up=catch_up, overlap=overlap, paused=paused)
    body["job"] = _job(body.get("job") or {}, job, payload, queue)
    if "name" not in body["job"]:
        raise typer.BadParameter("give the job's type", param_hint="--job")
    print_schedule(api.send("PUT", where, SCHEDULE, body), json)


@connected
def update(
    api: Api,
    name: Name,
    cron: Cron = None,
    every: Every = None,
    timezone: Timezone = None,
    job: Job = None,
    payload: Payload = None,
    queue: Queue = None,
    start_at: Time = None,
    end_at: Time = None,
    catch_up: CatchUp = None,
    overlap: Overlap = None,
    json: Json = False,
) -> None:
    """Change a schedule; everything else stays."""
    where = place("/v1/schedules/{}", name)
    before = api.read(where, SCHEDULE)
    body = {member: before[member] for member in _OWN if before.get(member) is not None}
    times = _times(cron, every, timezone, start_at, end_at)
    if "cron" in times:
        body.pop("every_seconds", None)
    if "every_seconds" in times:
        body.pop("cron", None)
    body |= times | given(catch_up=catch_up, overlap=overlap)
    hidden = before["job"].get("payload", {})
    if payload is None and (hidden is None or _has_hidden(hidden)):
        message = "the schedule's payload is not visible to this key and would be lost; give all of it"
        raise typer.BadParameter(message, param_hint="--payload")
    body["job"] = _job(before["job"], job, payload, queue)
    print_schedule(api.triage.put_schedule(name, if_match=before["version"], **body).data, json)


def _times(
    cron: str | None, every: float | None, timezone: str | None, start_at: str | None, end_at: str | None
) -> dict[str, Any]:
    if cron is not None and every is not None:
        raise typer.BadParameter("give --cron or --every, not both", param_hint="--every")
    return given(cron=cron, every_seconds=every, timezone=timezone, start_at=start_at, end_at=end_at)


def _job(before: dict[str, Any], name: str | None, payload: str | None, queue: str | None) -> dict[str, Any]:
    new = None if payload is None else object_of(payload, "--payload")
    return before | given(name=name, payload=new, queue=queue)


def _exists(api: Api, where: str) -> bool:
    try:
        api.read(where, SCHEDULE)
    except NotFound:
        return False
    return True


def _has_hidden(payload: Any) -> bool:
    match payload:
        case dict():
            return any(_has_hidden(value) for value in payload.values())
        case list():
            return any(_has_hidden(value) for value in payload)
        case _:
            return payload == HIDDEN


def _document(file: Path) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"not YAML: {error}", param_hint="--file") from error
    if not isinstance(found, dict):
        raise typer.BadParameter("not an object with the members of a schedule", param_hint="--file")
    return found
