"""Draws a frame of `triage top` for a console of any size."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from service.commands.output import colors
from service.commands.output.times import age, duration
from service.commands.tables import printable, table_of
from service.commands.top.figures import STATES, Snapshot, View, notes

_BARS = "▁▂▃▄▅▆▇█"
#: The lines of the tables that are not rows: titles, numbers of further rows, and one between the tables.
_OTHER_LINES = 5


def frame(view: View, console: Console) -> RenderableType:
    """As many rows as fit: workers get at most half of the screen."""
    head = _head(view)
    if view.snapshot is None:
        return Group(head, Text(view.problem or "Reading ...", style="bold red" if view.problem else "dim"))
    lines = [head, *_totals(view, view.snapshot), Text(), _keys(view)]
    for line in lines:
        line.no_wrap, line.overflow = True, "ellipsis"
    *above, keys = lines
    workers = _by_state(view.snapshot.workers or ())
    queues = view.snapshot.ordered(view.order)
    room = max(2, console.height - len(lines) - _OTHER_LINES)
    for_workers = min(len(workers), max(room // 2, room - len(queues)))
    return Group(
        *above,
        *_queues(queues, room - for_workers, console.width),
        Text(),
        *_workers(workers, for_workers, console.width, view.snapshot.at),
        keys,
    )


def _head(view: View) -> Text:
    at = time.time() if view.snapshot is None else view.snapshot.at
    clock = time.strftime("%H:%M:%S", time.localtime(at))
    head = Text.assemble(("triage top", "bold"), f"  {view.address}  {clock}  every {view.seconds:g} s")
    if view.problem and view.snapshot is not None:
        head.append(f"  {view.problem}", style="bold red")
    return head


def _totals(view: View, snapshot: Snapshot) -> list[Text]:
    counts = snapshot.totals["counts"]
    jobs = Text("jobs   ")
    for name in STATES:
        jobs.append_text(colors.count(counts[name], "bold")).append(f" {name}  ")
    jobs.append_text(colors.count(snapshot.totals["dlq_depth"], "bold red")).append(" dead")
    rates = Text("rate   ")
    for name, label, style in (
        ("enqueued", "in", ""),
        ("finished", "out", ""),
        ("failed", "failed", "bold red"),
    ):
        value = snapshot.per_second(name)
        rates.append(f"{value:,.1f}/s", style=style if value else "dim").append(f" {label}  ")
    rates.append(sparkline(view.rates), style="cyan")
    if snapshot.workers is None:
        return [jobs, rates, Text("slots  the key lacks the scope workers:read", style="dim")]
    busy = sum(worker["running"] for worker in snapshot.live)
    capacity = sum(worker["capacity"] for worker in snapshot.live)
    slots = Text(f"slots  {busy:,}/{capacity:,} ")
    slots.append_text(_bar(busy, capacity, 20)).append(f"  {_counted(len(snapshot.live), 'worker')}")
    for word in ("draining", "lost"):
        if number := sum(worker["state"] == word for worker in snapshot.workers):
            slots.append(", ").append_text(Text(f"{number} {word}", style=colors.state(word).style))
    return [jobs, rates, slots]


def _queues(queues: Sequence[Mapping[str, Any]], room: int, width: int) -> list[RenderableType]:
    numbers = (
        "queued",
        "running",
        "dead",
        "oldest",
        "in/s",
        "out/s",
        "fail/s",
        "retrying",
        "scheduled",
        "slots",
    )
    table = table_of("queue", *numbers, "blocked", "notes", right=(*numbers, "blocked"), keep=("notes",))
    for queue in queues[:room]:
        counts, oldest, failed = queue["counts"], queue["oldest_queued_seconds"], queue["failed_per_second"]
        table.add_row(
            queue["name"],
            colors.count(counts["queued"]),
            colors.count(counts["running"]),
            colors.count(queue["dlq_depth"], "bold red"),
            "" if oldest is None else duration(oldest),
            f"{queue['enqueued_per_second']:,.1f}",
            f"{queue['finished_per_second']:,.1f}",
            Text(f"{failed:,.1f}", style="bold red" if failed else "dim"),
            colors.count(counts["retrying"]),
            colors.count(counts["scheduled"]),
            f"{queue['capacity']:,}",
            colors.count(counts["blocked"]),
            Text(printable(", ".join(notes(queue))), style="yellow"),
        )
    return [table.fitted(width, fold=False)[0], *_rest(len(queues) - room, "queues")]


def _workers(workers: Sequence[Mapping[str, Any]], room: int, width: int, now: float) -> list[RenderableType]:
    table = table_of("worker", "state", "busy", "seen", "host", "started", "queues", keep=("state", "busy"))
    for worker in workers[:room]:
        busy = Text(f"{worker['running']}/{worker['capacity']} ".rjust(8))
        busy.append_text(_bar(worker["running"], worker["capacity"], 10))
        table.add_row(
            worker["id"],
            colors.state(worker["state"]),
            busy,
            age(worker["seen_at"], now),
            f"{worker['host']}:{worker['pid']}",
            age(worker["started_at"], now),
            " ".join(f"{name}={weight}" for name, weight in worker["queues"].items()),
        )
    return [table.fitted(width, fold=False)[0], *_rest(len(workers) - room, "workers")]


def _rest(more: int, what: str) -> list[RenderableType]:
    return [Text(f"{more:,} more {what}", style="dim")] if more > 0 else []


def _keys(view: View) -> Text:
    return Text.assemble(("q", "bold"), " quit  ", ("o", "bold"), f" order: {view.order}", style="dim")


def _by_state(workers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that need attention first, then the busiest."""
    order = {"lost": 0, "draining": 1}
    return sorted(
        workers, key=lambda worker: (order.get(worker["state"], 2), -worker["running"], worker["id"])
    )


def _bar(value: float, total: float, width: int) -> Text:
    full = 0 if total <= 0 else min(width, round(width * value / total))
    return Text.assemble(("━" * full, "cyan"), ("━" * (width - full), "bright_black"))


def sparkline(values: Sequence[float]) -> str:
    """A character per value, as high as it is compared to the largest."""
    most = max(values, default=0)
    return "".join(_BARS[round((len(_BARS) - 1) * value / most) if most else 0] for value in values)


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
