"""Tables of the command line: long cells are folded, never cut, so that what is shown can be copied."""

import sys

from rich.console import Console
from rich.table import Table

#: Columns of the console where nobody looks: every row in one line.
UNBOUNDED = 10_000


def table_of(*titles: str) -> Table:
    """A column for each title. The first names the row: it gets its room before all others."""
    table = Table()
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


def print_table(table: Table) -> None:
    """As wide as the terminal; into a file or a pipe, as wide as it is."""
    first = table.columns[0]
    first.min_width = max((len(str(cell)) for cell in first.cells), default=0)
    Console(width=None if sys.stdout.isatty() else UNBOUNDED).print(table, markup=False)
