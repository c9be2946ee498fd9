"""Starts a bulk action, follows it with a progress bar, and prints how it ended."""

import secrets
from collections.abc import Mapping
from typing import Any

import typer

from service import exit_codes
from service.commands import following
from service.commands.connection import Api
from service.commands.members import GROUP
from service.commands.output.documents import print_document
from service.commands.output.groups import progress_bar

Document = dict[str, Any]


def preview_of(api: Api, where: str, body: Mapping[str, Any], shown: bool, json: bool) -> Document:
    """How many jobs match now; prints it if that is all that the user wants."""
    preview = api.send("POST", where, ("matched", "at_least"), {**body, "dry_run": True})
    if shown and json:
        print_document(preview)
    elif shown:
        typer.echo(f"{matched_of(preview)} match")
    return preview


def matched_of(preview: Mapping[str, Any]) -> str:
    return ("at least " if preview["at_least"] else "") + f"{preview['matched']}"


def start_bulk(api: Api, where: str, body: Mapping[str, Any]) -> Document:
    """Start it once, also if the response to the first request is lost."""
    return api.send("POST", where, GROUP, body, headers={"Idempotency-Key": secrets.token_hex(16)})


def run_bulk(
    api: Api, where: str, body: Mapping[str, Any], preview: Mapping[str, Any], label: str, json: bool
) -> Document:
    """The finished bulk action. After Ctrl-C, it continues on the server."""
    action = start_bulk(api, where, body)
    total = None if preview["at_least"] else min(preview["matched"], body.get("max") or preview["matched"])
    return follow_bulk(api, action, label, total, json)


def follow_bulk(api: Api, action: Document, label: str, total: int | None, json: bool) -> Document:
    with progress_bar(json) as progress:
        bar = None if progress is None else progress.add_task(label, total=total)

        def show(found: Mapping[str, Any]) -> None:
            if progress is not None and bar is not None:
                progress.update(bar, completed=found["counts"]["matched"])

        return following.until_finished(api, action, GROUP, show=show)


def finish_bulk(action: Document, done: str, json: bool) -> None:
    """Print the action, and end the command: 0 if it succeeded, else 1."""
    print_bulk(action, done, json)
    raise typer.Exit(exit_codes.SUCCEEDED if action["state"] == "succeeded" else exit_codes.REFUSED)


def print_bulk(action: Document, done: str, json: bool) -> None:
    if json:
        print_document(action)
        return
    counts = action["counts"]
    typer.echo(
        f"{action['id']}  {action['state']}: {counts['succeeded']} {done}, {counts['skipped']} skipped"
    )
