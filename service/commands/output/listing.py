"""Lists: a table for people, an array for programs, once or again and again."""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from service.commands.output.documents import print_document, print_list
from service.commands.output.pauses import pause
from service.commands.tables import Table, print_table

Row = Mapping[str, Any]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Refresh until Ctrl-C.")]
Interval = Annotated[float, typer.Option(min=0.05, help="Seconds between refreshes of --watch.")]
SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Listing:
    """`read` returns the rows, and `draw` makes them a table."""

    read: Callable[[], Iterable[Row]]
    draw: Callable[[Iterable[Row]], Table]

    def show(self, json: bool, watch: bool = False, interval: float = SECONDS) -> None:
        """Returns after the first time unless `watch`, which only Ctrl-C ends."""
        if watch:
            self._watch(json, interval)
        elif json:
            print_list(self.read())
        else:
            print_table(self.draw(self.read()))

    def _watch(self, json: bool, interval: float) -> None:
        if json or not sys.stdout.isatty():
            while True:
                if json:
                    print_document(list(self.read()))
                else:
                    print_table(self.draw(self.read()))
                    sys.stdout.write("\n")
                    sys.stdout.flush()
                pause(interval)
        console = Console()
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                live.update(self.draw(self.read()).fitted(console.width)[0], refresh=True)
                pause(interval)
