"""`triage flow` and `triage graph`: submit a flow from a file, follow it, print its graph."""

from pathlib import Path
from typing import Annotated

import orjson
import typer
import yaml

from service.commands import following
from service.commands.client import DEFAULT_URL, Json, Key, Url, call, path, send
from service.commands.responses import GROUP, text_of


def flow(
    file: Annotated[
        Path, typer.Argument(help="A file with a FlowSpec as YAML or JSON.", exists=True, dir_okay=False)
    ],
    follow: Annotated[bool, typer.Option(help="Show progress until the flow finishes.")] = True,
    idempotency_key: Annotated[str | None, typer.Option()] = None,
    json: Json = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Submit a flow; the exit code is 1 unless it succeeds."""
    try:
        body = yaml.safe_load(file.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"not YAML: {error}", param_hint="FILE") from error
    headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
    created = call(
        url, key, "POST", "/v1/flows", needs=GROUP, content=orjson.dumps(body), headers=_JSON | headers
    )
    if follow:
        where = path("/v1/flows", created["id"])
        with following.progress_bar(json) as progress:
            created = following.follow(
                lambda headers: call(
                    url, key, "GET", where, needs=GROUP, params={"wait": 20}, headers=headers
                ),
                progress,
            )
    following.show(created, json)
    if follow and created["state"] != "succeeded":
        raise typer.Exit(1)


def graph(flow_id: str, json: Json = False, url: Url = DEFAULT_URL, key: Key = "") -> None:
    """Print the graph of a flow as Mermaid text."""
    where = path("/v1/flows", flow_id, "graph")
    if json:
        typer.echo(orjson.dumps(call(url, key, "GET", where, needs=("nodes", "edges"))).decode())
    else:
        response = send(url, key, "GET", where, headers={"Accept": _MERMAID})
        typer.echo(text_of(response, _MERMAID), nl=False)


_MERMAID = "text/vnd.mermaid"
_JSON = {"Content-Type": "application/json"}
