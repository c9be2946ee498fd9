"""Flows, fan-outs and bulk actions: their counts, and the progress of one that runs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from service.commands import following
from service.commands.connection import Api
from service.commands.members import NAMED_GROUP
from service.commands.output.documents import print_document
from service.commands.tables import printable

#: The states that count as progress.
_DONE = ("succeeded", "dead", "cancelled")


def counts_of(counts: Mapping[str, int]) -> str:
    """The counts that are not zero."""
    return ", ".join(f"{number} {state}" for state, number in counts.items() if number)


def print_group(group: Mapping[str, Any], json: bool) -> None:
    """Print a line for people, or the whole document for programs."""
    if json:
        print_document(group)
    else:
        typer.echo(
            f"{group['id']}  {printable(group['name'])}  {group['state']}: {counts_of(group['counts'])}"
        )


def progress_bar(json: bool) -> AbstractContextManager[Progress | None]:
    """A progress bar on standard error for people, None for programs."""
    if json:
        return nullcontext()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def follow_group(api: Api, group: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
    """Wait for the flow or fan-out to finish, and return it."""
    bar = None if progress is None else progress.add_task("running", total=None)

    def show(found: Mapping[str, Any]) -> None:
        if progress is not None and bar is not None:
            counts = found["counts"]
            bad = f", {counts['dead']} dead" if counts["dead"] else ""
            done = sum(counts[state] for state in _DONE)
            progress.update(bar, total=counts["total"], completed=done, description=f"running{bad}")

    show(group)
    return following.until_finished(api, group, NAMED_GROUP, show=show)
