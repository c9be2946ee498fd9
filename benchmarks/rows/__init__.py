"""All rows, in the order of the table."""

from benchmarks.row import Row
from benchmarks.rows import drain, groups, growth, http, idle, smooth, space, waits

ROWS: tuple[Row, ...] = tuple(
    row for module in (drain, http, space, waits, groups, growth, smooth, idle) for row in module.ROWS
)
