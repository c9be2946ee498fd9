"""Follows a flow, fan-out or bulk action until it finishes, with a progress bar for people, and prints it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: The least time between two polls, in seconds.
PAUSE = 0.25

#: Long-polls with these headers; returns None if nothing has changed.
Poll = Callable[[dict[str, str]], dict[str, Any] | None]


def progress_bar(json: bool) -> Any:
    """A context manager: a progress bar on standard error for people, None for programs."""
    if json:
        return nullcontext()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def follow(poll: Poll, progress: Progress | None) -> dict[str, Any]:
    """Wait for the flow or fan-out to finish, and return it."""
    bar = None if progress is None else progress.add_task("running", total=None)

    def show(counts: dict[str, Any]) -> None:
        if progress is not None and bar is not None:
            done = counts["succeeded"] + counts["dead"] + counts["cancelled"]
            bad = f", {counts['dead']} dead" if counts["dead"] else ""
            progress.update(bar, total=counts["total"], completed=done, description=f"running{bad}")

    return until_ended(poll, ("open", "running"), show)


def until_ended(poll: Poll, live: Sequence[str], show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Wait until the state is not in `live`, and return the resource; `show` gets its counts meanwhile."""
    version = -1
    while True:
        found = poll({"If-None-Match": f'"{version}"'})
        if found is None:
            continue
        version = found["version"]
        show(found["counts"])
        if found["state"] not in live:
            return found
        time.sleep(PAUSE)  # noqa: TID251  # it may change more often than a bar needs


def show(group: Mapping[str, Any], json: bool) -> None:
    """Print a line for people, or the whole document for programs."""
    if json:
        typer.echo(orjson.dumps(group).decode())
        return
    counts = ", ".join(f"{number} {state}" for state, number in group["counts"].items() if number)
    typer.echo(f"{group['id']}  {group['name']}  {group['state']}: {counts}")
