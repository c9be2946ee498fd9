"""JSON for programs: the API's documents, each in one line."""

import sys
from collections.abc import Iterable
from typing import Any

import orjson


def print_document(document: Any) -> None:
    sys.stdout.write(line_of(document) + "\n")
    # A program that reads the lines of a `tail` wants each at once.
    sys.stdout.flush()


def print_list(rows: Iterable[Any]) -> None:
    """One array, with a row per line, written while the rows arrive."""
    separator = "["
    for row in rows:
        sys.stdout.write(separator + line_of(row))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[" else "]\n")


def line_of(document: Any) -> str:
    return orjson.dumps(document).decode()
