"""Tables of the command line: long cells are folded, never truncated, so that they can be copied."""

import sys

from rich.console import Console
from rich.table import Table

#: The width of the console when the output is not a terminal: every row in one line.
UNBOUNDED = 10_000


def table_of(*titles: str) -> Table:
    """A table with these columns. The first one identifies the row and gets its full width."""
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def print_table(table: Table) -> None:
    """Print as wide as the terminal; into a file or a pipe, as wide as the table is."""
    first = table.columns[0]
    first.min_width = max((len(str(cell)) for cell in first.cells), default=0)
    Console(width=None if sys.stdout.isatty() else UNBOUNDED).print(table, markup=False)
