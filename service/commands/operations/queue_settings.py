"""The settings of a queue: `triage queues set`, and how they are shown."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from service.commands.arguments import QueueName, object_of
from service.commands.connection import Api, connected, place
from service.commands.members import QUEUE
from service.commands.output.details import Details
from service.commands.output.documents import line_of, print_document
from service.commands.output.listing import Json
from service.commands.tables import printable

#: The word that removes a limit.
NONE = "none"


@connected
def change_queue(
    api: Api,
    name: QueueName,
    max_concurrency: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The most jobs that run at the same time, or none.")
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option(metavar="LIMIT/SECONDS", help="The most starts in any such time, or none: 100/60."),
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth", help="Space the starts of --rate evenly.")] = False,
    max_depth: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="The most queued jobs that it accepts, or none.")
    ] = None,
    aging: Annotated[
        str | None,
        typer.Option(metavar="SECONDS", help="Waiting time that counts as one step of priority, or none."),
    ] = None,
    defaults: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='Defaults of its jobs, such as {"timeout_seconds": 30}, or none.'),
    ] = None,
    each_key: Annotated[
        bool, typer.Option("--each-key", help="Apply --max-concurrency and --rate to every limit key.")
    ] = False,
    limit_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Apply them to this limit key.")
    ] = None,
    reset_key: Annotated[
        str | None, typer.Option(metavar="KEY", help="Remove the limits of this limit key's own.")
    ] = None,
    json: Json = False,
) -> None:
    """Change a queue's settings; other ones stay. Creates the queue if needed."""
    if each_key and limit_key is not None:
        raise typer.BadParameter("give --each-key or --limit-key, not both", param_hint="--each-key")
    if smooth and rate in (None, NONE):
        raise typer.BadParameter("needs --rate", param_hint="--smooth")
    limits: dict[str, Any] = {}
    if max_concurrency is not None:
        limits["max_concurrency"] = _number(max_concurrency, "--max-concurrency")
    if rate is not None:
        limits["rate_limit"] = _rate(rate, smooth)
    where = place("/v1/queues/{}", name)
    changes: dict[str, Any] = {}
    version: int | None = None
    if (each_key or limit_key is not None) and not limits:
        raise typer.BadParameter("needs --max-concurrency or --rate", param_hint="--each-key, --limit-key")
    if each_key or limit_key is not None:
        # A limit that is not sent would be removed.
        before = _before(api, where)
        version = None if before is None else before["version"]
        if limit_key is None:
            changes["per_key"] = {**(before or {}).get("per_key", {}), **limits}
        else:
            changes["keys"] = {limit_key: {**(before or {}).get("keys", {}).get(limit_key, {}), **limits}}
    else:
        changes |= limits
    if reset_key is not None:
        changes["keys"] = {**changes.get("keys", {}), reset_key: None}
    if max_depth is not None:
        changes["max_depth"] = _number(max_depth, "--max-depth")
    if aging is not None:
        changes["priority_aging_seconds"] = _number(aging, "--aging")
    if defaults is not None:
        changes["defaults"] = None if defaults == NONE else object_of(defaults, "--defaults")
    if not changes:
        raise typer.BadParameter("give at least one setting; --help lists them", param_hint="NAME")
    print_queue(api.triage.queue(name).update(if_match=version, **changes).data, json)


def _before(api: Api, where: str) -> Any:
    from triage_client import NotFound

    try:
        return api.read(where, QUEUE)
    except NotFound:
        return None


def _number(text: str, hint: str) -> float | int | None:
    if text == NONE:
        return None
    try:
        number = float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither a number nor none", param_hint=hint) from error
    return int(number) if number.is_integer() else number


def _rate(text: str, smooth: bool) -> dict[str, Any] | None:
    if text == NONE:
        return None
    limit, _, seconds = text.partition("/")
    return {
        "limit": _number(limit, "--rate"),
        "per_seconds": _number(seconds or "1", "--rate"),
        "smooth": smooth,
    }


def print_queue(queue: Mapping[str, Any], json: bool) -> None:
    """Print a queue with its settings."""
    if json:
        print_document(queue)
        return
    details = Details()
    details.add_line(f"{printable(queue['name'])}" + ("  paused" if queue["paused"] else ""))
    for label, value in _rows(queue):
        if value:
            details.add(label, printable(value))
    details.show()


def _rows(queue: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "jobs", ", ".join(f"{number} {state}" for state, number in queue["counts"].items())
    yield "dead", str(queue["dlq_depth"])
    oldest = queue["oldest_queued_seconds"]
    yield "oldest", "" if oldest is None else f"{oldest:g} s"
    rates = [f"{queue[f'{word}_per_second']:.3g} {word}" for word in ("enqueued", "finished", "failed")]
    yield "per second", ", ".join(rates)
    yield "workers", f"{queue['workers']}, {queue['capacity']} slots"
    yield "no worker", ", ".join(queue["unserved_job_types"])
    yield "paused", ", ".join(queue["paused_job_types"])
    for freeze in queue["freezes"]:
        yield "frozen", f"{freeze['job_type'] or freeze['limit_key']} until {freeze['until']}"
    yield "limits", _limits(queue)
    yield "each key", _limits(queue.get("per_key") or {})
    for key, limits in (queue.get("keys") or {}).items():
        yield "limit key", f"{key}: {_limits(limits) or 'no limits'}"
    depth, aging = queue.get("max_depth"), queue.get("priority_aging_seconds")
    yield "max depth", "" if depth is None else str(depth)
    yield "aging", "none" if aging is None else f"{aging:g} s"
    yield "defaults", line_of(queue["defaults"]) if queue.get("defaults") else ""


def _limits(limits: Mapping[str, Any]) -> str:
    found: list[str] = []
    if limits.get("max_concurrency") is not None:
        found.append(f"{limits['max_concurrency']} at a time")
    if rate := limits.get("rate_limit"):
        found.append(
            f"{rate['limit']} starts per {rate['per_seconds']:g} s" + (", smooth" if rate["smooth"] else "")
        )
    return ", ".join(found)
