"""Tables of the command line: sized to the terminal, and aligned text in a pipe or a file.

Cells are folded, never truncated, so that they can be copied. A terminal that is too narrow for all columns
shows fewer of them.
"""

import sys
from collections.abc import Collection, Sequence
from typing import TypeAlias

from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

#: The width of the output when it is not a terminal: every row in one line.
UNBOUNDED = 10_000
#: The least width of a column that may be folded.
FOLDED = 16
_GAP = 2

Cell: TypeAlias = str | Text


class Table:
    """Rows under titles. The first column identifies the row and is never folded.

    On a terminal that is too narrow, the last columns are left out, but not those in `keep`.
    """

    def __init__(
        self, titles: Sequence[str], right: Collection[str] = (), keep: Collection[str] = ()
    ) -> None:
        self._titles = titles
        self._right = right
        self._keep = keep
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: Cell) -> None:
        self._rows.append([cell if isinstance(cell, Text) else Text(printable(cell)) for cell in cells])

    def __len__(self) -> int:
        return len(self._rows)

    def lines(self) -> list[str]:
        """The rows as aligned text."""
        cells = [self._head(), *([cell.plain for cell in row] for row in self._rows)]
        widths = [max(len(row[number]) for row in cells) for number in range(len(self._titles))]
        return [(" " * _GAP).join(self._aligned(row, widths)).rstrip() for row in cells]

    def _head(self) -> list[str]:
        return [title.upper() for title in self._titles]

    def _aligned(self, row: Sequence[str], widths: Sequence[int]) -> list[str]:
        return [
            cell.rjust(width) if title in self._right else cell.ljust(width)
            for cell, title, width in zip(row, self._titles, widths, strict=True)
        ]

    def fitted(self, width: int, fold: bool = True) -> tuple[RenderableType, list[str]]:
        """The table for a terminal of this width, and the titles of the columns that are left out.

        Without `fold`, each row is one line, and long texts end with an ellipsis.
        """
        needs = [self._need(number) for number in range(len(self._titles))]
        shown = list(range(len(needs)))
        removable = [n for n in shown[1:] if self._titles[n] not in self._keep]
        while removable and sum(needs[n] + _GAP for n in shown) - _GAP > width:
            shown.remove(removable.pop())
        table = RichTable(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for number in shown:
            title = self._titles[number]
            table.add_column(
                title.upper(),
                justify="right" if title in self._right else "left",
                overflow="fold" if fold or number == 0 else "ellipsis",
                min_width=needs[number],
                no_wrap=not fold or number == 0 or title in self._right,
            )
        for row in self._rows:
            table.add_row(*(row[number] for number in shown))
        return table, [title for number, title in enumerate(self._titles) if number not in shown]

    def _need(self, number: int) -> int:
        widest = max((row[number].cell_len for row in self._rows), default=0)
        title = self._titles[number]
        if number == 0 or title in self._right:
            return max(widest, len(title))
        return max(min(widest, FOLDED), len(title))


def table_of(*titles: str, right: Collection[str] = (), keep: Collection[str] = ()) -> Table:
    """A table with these columns. Numbers belong to the `right`."""
    return Table(titles, right, keep)


def print_table(table: Table) -> None:
    """Print as wide as the terminal; into a file or a pipe, as wide as the table is."""
    if sys.stdout.isatty():
        print_fitted(table, Console(highlight=False))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in table.lines()))


def print_fitted(table: Table, console: Console) -> None:
    """Print for a terminal, and say which columns have no room."""
    if not len(table):
        console.print(Text("Nothing to show.", style="dim"))
        return
    fitted, left_out = table.fitted(console.width)
    console.print(fitted, crop=False)
    if left_out:
        names = ", ".join(left_out)
        console.print(Text(f"No room for: {names}. Widen the terminal, or use --json.", style="dim"))


def printable(text: str) -> str:
    """The text in one line, without terminal control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
