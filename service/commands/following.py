"""Follows a flow, fan-out or bulk action until it finishes, with a progress bar for people, and prints it."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

#: Seconds between two looks at what changes all the time.
PAUSE = 0.25

#: A long poll with these headers; None when nothing has changed.
Poll = Callable[[dict[str, str]], dict[str, Any] | None]


def progress_bar(json: bool) -> Any:
    """A context with the bar on standard error, with None for programs."""
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
    """The flow or fan-out as it ended."""
    bar = None if progress is None else progress.add_task("running", total=None)

    def show(counts: dict[str, Any]) -> None:
        if progress is not None and bar is not None:
            done = counts["succeeded"] + counts["dead"] + counts["cancelled"]
            bad = f", {counts['dead']} dead" if counts["dead"] else ""
            progress.update(bar, total=counts["total"], completed=done, description=f"running{bad}")

    return until_ended(poll, ("open", "running"), show)


def until_ended(poll: Poll, live: Sequence[str], show: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The resource once its state is none of `live`; `show` is given its counts on the way."""
    version = -1
    while True:
        found = poll({"If-None-Match": f'"{version}"'})
        if found is None:
            continue
        version = found["version"]
        show(found["counts"])
        if found["state"] not in live:
            return found
        time.sleep(PAUSE)  # noqa: TID251  # it changes more often than a bar needs to


def show(group: Mapping[str, Any], json: bool) -> None:
    """One line for people, the whole document for programs."""
    if json:
        typer.echo(orjson.dumps(group).decode())
        return
    counts = ", ".join(f"{number} {state}" for state, number in group["counts"].items() if number)
    typer.echo(f"{group['id']}  {group['name']}  {group['state']}: {counts}")
