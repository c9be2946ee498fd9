"""The list of the chart's values, from the comments of values.yaml that begin with two dashes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.reference import item

MARK = "# -- "


def chart_values_list(values: Path) -> list[str]:
    lines: list[str] = []
    for path, default, text in documented(values):
        shown = "" if default in ("", None) else f" (default `{_shown(default)}`)"
        lines += item(f"**`{'.'.join(path)}`**{shown}: {text}")
    return lines


def documented(values: Path) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Path, default and description of each value; raises ValueError for a value without a description."""
    text = values.read_text()
    root = yaml.compose(text, yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    yield from _walk(root, text.splitlines(), ())


def _walk(
    node: yaml.MappingNode, lines: list[str], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    for key, value in node.value:
        here = (*path, str(key.value))
        if text := _comment_above(lines, key.start_mark.line):
            yield here, yaml.SafeLoader("").construct_document(value), text
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _walk(value, lines, here)
        else:
            raise ValueError(f"{'.'.join(here)}: describe it in a line above it that begins with `{MARK}`")


def _comment_above(lines: list[str], line: int) -> str:
    found: list[str] = []
    while line and (above := lines[line - 1].strip()).startswith("#"):
        found.insert(0, above.removeprefix(MARK).removeprefix("# "))
        if above.startswith(MARK):
            return " ".join(found)
        line -= 1
    return ""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
