"""Prints the figures for people."""

from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.table import Table


def print_figures(document: dict[str, Any], console: Console) -> None:
    per_request = "one per request" if document["batch"] == 1 else f"{document['batch']:,} per request"
    console.print(
        f"{document['jobs']:,} {document['job']} to queue {document['queue']}, {per_request},"
        f" {document['concurrency']} connections; workers: {document['workers']},"
        f" slots: {document['capacity']}",
        highlight=False,
        soft_wrap=True,
    )
    submitted = document["submission"]
    if submitted is None:
        return
    table = Table("ms", "p50", "p95", "p99", "max", "clock")
    for column in table.columns[1:5]:
        column.justify = "right"
    for name, found, clock in (
        ("request", submitted["request_seconds"], "this machine"),
        ("queued to started", document["wait_seconds"], "server"),
        ("started to finished", document["run_seconds"], "server"),
    ):
        cells = ["-"] * 4 if found is None else [f"{seconds * 1000:,.1f}" for seconds in found.values()]
        table.add_row(name, *cells, clock)
    console.print(table)
    for line in _lines(document, submitted):
        console.print(line, highlight=False, soft_wrap=True)


def _lines(document: dict[str, Any], submitted: dict[str, Any]) -> Iterator[str]:
    yield _rate("submitted", submitted["accepted"], submitted["seconds"], submitted["per_second"])
    finished = sum(document["states"].get(state, 0) for state in ("succeeded", "dead", "cancelled"))
    yield _rate("finished ", finished, document["finished_seconds"], document["finished_per_second"])
    yield f"states     {_counts(document['states'])}"
    if document["dead"]:
        yield f"dead       {_counts(document['dead'])}"
    yield f"errors     {_counts(document['errors'])}"
    for note in document["notes"]:
        yield f"* {note}"


def _rate(word: str, count: int, seconds: float | None, per_second: float | None) -> str:
    rate = "" if per_second is None else f" in {seconds:,.2f} s: {per_second:,.0f}/s"
    return f"{word}  {count:,}{rate}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in counts.items()) or "none"
