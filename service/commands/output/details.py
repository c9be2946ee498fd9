"""One resource, as lines of labels and values."""

import sys

from rich.console import Console, Group, RenderableType
from rich.text import Text

from service.commands.tables import printable

_LABEL = 12


class Details:
    """Lines that a terminal wraps, and that stay whole in a pipe."""

    def __init__(self) -> None:
        self._lines: list[Text] = []

    def add(self, label: str, value: str | Text) -> None:
        text = value if isinstance(value, Text) else Text(value)
        self._lines.append(Text.assemble((f"{label:<{_LABEL}} ", "dim"), text))

    def add_line(self, line: str | Text) -> None:
        self._lines.append(line if isinstance(line, Text) else Text(line))

    def drawn(self) -> RenderableType:
        return Group(*self._lines)

    def show(self) -> None:
        if not sys.stdout.isatty():
            sys.stdout.write("".join(f"{line.plain}\n" for line in self._lines))
            return
        console = Console()
        for line in self._lines:
            # The terminal wraps long lines itself, so that they can be copied whole.
            console.print(line, soft_wrap=True, highlight=False)


def block(text: str) -> str:
    """A text of several lines, indented, without control characters."""
    return "\n".join(f"  {printable(line)}" for line in text.rstrip("\n").split("\n"))
