"""`triage flow` and `triage fan-out`: submit from a file, and follow it until it finishes."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.progress import Progress, TaskID

from service import exit_codes
from service.commands.arguments import Callback, Durability, IdempotencyKey, Queue, given, headers_of
from service.commands.completion import job_types
from service.commands.connection import Api, connected
from service.commands.members import NAMED_GROUP
from service.commands.output.groups import follow_group, print_group, progress_bar
from service.commands.output.listing import Json
from service.commands.tables import printable
from triage_client import ItemsRejected

#: How many invalid items are printed.
SHOWN = 20


@connected
def flow(
    api: Api,
    file: Annotated[
        Path,
        typer.Argument(
            help="A file with a FlowSpec as YAML or JSON; - reads stdin.",
            exists=True,
            dir_okay=False,
            allow_dash=True,
        ),
    ],
    follow: Annotated[bool, typer.Option(help="Show progress until the flow finishes.")] = True,
    durability: Durability = None,
    idempotency_key: IdempotencyKey = None,
    json: Json = False,
) -> None:
    """Submit a flow; the exit code is 1 unless it succeeds."""
    headers = headers_of(idempotency_key, durability)
    created = api.send("POST", "/v1/flows", NAMED_GROUP, _spec(file), headers=headers)
    if follow:
        with progress_bar(json) as progress:
            created = follow_group(api, created, progress)
    print_group(created, json)
    if follow:
        end_group(created)


def _spec(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(_path(file).read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"not YAML: {error}", param_hint="FILE") from error


def end_group(group: dict[str, Any]) -> None:
    raise typer.Exit(exit_codes.SUCCEEDED if group["state"] == "succeeded" else exit_codes.REFUSED)


@connected
def fan_out(
    api: Api,
    name: Annotated[str, typer.Argument(help="Job type of the items.", autocompletion=job_types)],
    items: Annotated[
        Path,
        typer.Option(
            exists=True,
            dir_okay=False,
            allow_dash=True,
            help="A file with one JSON object per line; - reads stdin.",
        ),
    ],
    queue: Queue = None,
    priority: Annotated[int | None, typer.Option(help="0 to 1000; lower runs first.")] = None,
    then: Annotated[
        str | None,
        typer.Option(
            help="Job type of a follow-up job that runs when all items have finished.",
            autocompletion=job_types,
        ),
    ] = None,
    max_concurrency: Annotated[
        int | None, typer.Option(help="The most items that run at the same time.")
    ] = None,
    chunk: Annotated[int, typer.Option(min=1, max=5_000, help="Items per request.")] = 2_000,
    callback: Callback = None,
    durability: Durability = None,
    follow: Annotated[bool, typer.Option(help="Show progress until the fan-out finishes.")] = True,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Idempotency key; to resume, run the command again with the same key.")
    ] = None,
    json: Json = False,
) -> None:
    """Submit a job per line of a file; the exit code is 1 unless all succeed."""
    options = given(
        queue=queue,
        priority=priority,
        max_concurrency=max_concurrency,
        callback=None if callback is None else {"url": callback},
    )
    with progress_bar(json) as progress:
        with _path(items).open("rb") as file:
            try:
                found: Any = api.triage.fan_out(
                    name,
                    _rows(file),
                    then=then,
                    chunk=chunk,
                    idempotency_key=idempotency_key,
                    durability=durability,
                    on_sent=_counter(progress),
                    **options,
                ).data
            except ItemsRejected as error:
                _complain(error)
                raise typer.Exit(exit_codes.REFUSED) from error
        if follow:
            found = follow_group(api, found, progress)
    print_group(found, json)
    if follow:
        end_group(found)


def _path(file: Path) -> Path:
    return Path("/dev/stdin") if str(file) == "-" else file


def _rows(file: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise typer.BadParameter(
                f"line {number} is not JSON: {error.msg}", param_hint="--items"
            ) from error
        if not isinstance(found, dict):
            raise typer.BadParameter(f"line {number} is not a JSON object", param_hint="--items")
        yield found


def _counter(progress: Progress | None) -> Any:
    if progress is None:
        return None
    bars: list[TaskID] = []

    def show(count: int) -> None:
        if not bars:
            bars.append(progress.add_task("sending", total=None))
        progress.update(bars[0], completed=count)

    return show


def _complain(error: ItemsRejected) -> None:
    sys.stderr.write(f"triage: {error.fan_out_id} is cancelled: some items are invalid\n")
    rows = [
        # The pointer counts the items of its request.
        f"  item {item['index']}{re.sub(r'^/items/[0-9]+', '', row['pointer'])}: {row['message']}"
        for item in error.rejected
        for row in item["problem"]["errors"]
    ]
    sys.stderr.write("".join(f"{printable(row)}\n" for row in rows[:SHOWN]))
