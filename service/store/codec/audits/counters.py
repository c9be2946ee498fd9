"""What records count for, and the values of counters, as the scripts of an audit return them."""

from collections.abc import Iterator, Sequence
from typing import Any

#: Separates the counters of a record.
_SEPARATOR = "\x1e"


def decode_counted(flat: Sequence[Any]) -> Iterator[tuple[str, str | None, int]]:
    """Ids, counters and bytes, from rows of lib/counted_jobs.lua; no counters for a record that is gone."""
    for id, names, size in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
        yield id.decode(), None if names is None else names.decode(), int(size)


def split_counters(text: str) -> list[str]:
    return text.split(_SEPARATOR) if text else []


def decode_values(counters: Sequence[str], values: Sequence[Any]) -> dict[str, int]:
    """Without absent ones."""
    return {name: int(value) for name, value in zip(counters, values, strict=True) if value != b""}
