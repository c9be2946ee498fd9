"""Follows a job, flow, fan-out or bulk action until it finishes."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import typer

from service import exit_codes
from service.commands.connection import Api, place
from service.commands.errors import is_temporary
from service.commands.output.pauses import pause

Document = dict[str, Any]
#: The final states of jobs, flows, fan-outs and bulk actions.
FINISHED = frozenset(exit_codes.BY_STATE)
PLACES = {
    "job": "/v1/jobs/{}",
    "flow": "/v1/flows/{}",
    "fan": "/v1/fan-outs/{}",
    "act": "/v1/bulk-actions/{}",
}
#: The longest poll, and the least time between two that bring news, in seconds.
POLL, PAUSE = 20.0, 0.1
#: How long it tolerates an API that is unavailable, for example during a deployment, in seconds.
PATIENCE = 30.0


def changes(
    api: Api,
    found: Document,
    needs: tuple[str, ...],
    deadline: float | None = None,
    poll: float = POLL,
) -> Iterator[Document | None]:
    """Its new documents until one is finished or the deadline; None after a poll without news.

    `poll` is the length of a poll while it runs, in seconds.
    """
    where = place(PLACES[found["id"].partition("_")[0]], found["id"])
    responded_at = time.monotonic()
    while found["state"] not in FINISHED:
        now = time.monotonic()
        longest = poll if found["state"] == "running" else POLL
        left = longest if deadline is None else min(deadline - now, longest)
        if left <= 0:
            return
        headers = {"If-None-Match": f'"{found["version"]}"'}
        try:
            parameters = {"wait": round(left, 3)}
            changed = api.send("GET", where, needs, headers=headers, parameters=parameters, wait=left)
        except Exception as error:
            if not is_temporary(error) or now - responded_at > PATIENCE:
                raise
            pause(0.5)
            continue
        responded_at = time.monotonic()
        if changed is not None:
            found = changed
        yield changed
        # A resource that changes all the time is not read all the time.
        if changed is not None and responded_at - now < PAUSE:
            pause(PAUSE)


def until_finished(
    api: Api,
    found: Document,
    needs: tuple[str, ...],
    deadline: float | None = None,
    show: Callable[[Document], None] = lambda _: None,
) -> Document:
    """The finished resource, or the latest at the deadline; `show` gets each change."""
    for changed in changes(api, found, needs, deadline):
        if changed is not None:
            found = changed
            show(found)
    return found


def end(found: Document, unfinished: str) -> None:
    """End the command as it finished."""
    if found["state"] not in FINISHED:
        sys.stderr.write(f"triage: {found['id']} {unfinished}\n")
    raise typer.Exit(exit_codes.BY_STATE.get(found["state"], exit_codes.UNFINISHED))
