"""`triage flow` and `triage graph`: submit a flow from a file, follow it, look at its graph."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from service.commands.client import DEFAULT_URL, Json, Key, Url, call

FINISHED = ("succeeded", "dead", "cancelled")


def flow(
    file: Annotated[Path, typer.Argument(help="A FlowSpec as YAML or JSON.", exists=True, dir_okay=False)],
    follow: Annotated[bool, typer.Option(help="Show progress until the flow has ended.")] = True,
    idempotency_key: Annotated[str | None, typer.Option()] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Submit a flow; exit 1 when it does not succeed."""
    try:
        body = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"not YAML: {error}", param_hint="FILE") from error
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    created = call(url, key, "POST", "/v1/flows", content=orjson.dumps(body), headers=_JSON | headers)
    if follow:
        created = follow_to_end(url, key, f"/v1/flows/{created['id']}", created, quiet=json)
    show(created, json)
    if follow and created["state"] != "succeeded":
        raise typer.Exit(1)


def graph(flow_id: str, json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Print the graph of a flow as Mermaid text."""
    path = f"/v1/flows/{flow_id}/graph"
    if json:
        typer.echo(orjson.dumps(call(url, key, "GET", path)).decode())
    else:
        typer.echo(call(url, key, "GET", path, headers={"Accept": "text/vnd.mermaid"}), nl=False)


def follow_to_end(url: str, key: str, path: str, group: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """Long polls with a progress bar on standard error; answers the flow or fan-out as it ended."""
    console = Console(stderr=True, quiet=quiet or not sys.stderr.isatty())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(group.get("name") or group["id"], total=group["counts"]["total"], note="")
        while True:
            counts = group["counts"]
            done = sum(counts[state] for state in FINISHED)
            failed = f"{counts['dead']} dead" if counts["dead"] else ""
            bar.update(task, completed=done, total=counts["total"], note=failed)
            if group["state"] not in ("open", "running"):
                return group
            headers = {"If-None-Match": f'"{group["version"]}"'}
            group = call(url, key, "GET", path, params={"wait": 20}, headers=headers) or group


def show(group: dict[str, Any], json: bool) -> None:
    """One line for people, the whole document for programs."""
    if json:
        typer.echo(orjson.dumps(group).decode())
        return
    counts = ", ".join(f"{number} {state}" for state, number in group["counts"].items() if number)
    typer.echo(f"{group['id']}  {group.get('name') or ''}  {group['state']}  ({counts})")


_JSON = {"Content-Type": "application/json"}
