"""Hides what a job type declared as secret; views show the rest."""

from collections.abc import Sequence
from typing import Any

HIDDEN = "[redacted]"


def redact(document: Any, pointers: Sequence[str]) -> Any:
    """The document with every value that a JSON pointer names replaced; it is changed in place."""
    for pointer in pointers:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/")]
        target = document
        for part in path:
            target = _child(target, part)
        if isinstance(target, dict) and last in target:
            target[last] = HIDDEN
        elif isinstance(target, list) and last.isdecimal() and int(last) < len(target):
            target[int(last)] = HIDDEN
    return document


def _child(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return None
