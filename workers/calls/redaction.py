"""Refuses pointers in `redact=` that match nothing: a typo would expose a secret."""

import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from service.domain.redaction import can_match, parse_pointer


def check_pointers(
    pointers: Sequence[str], payload_schema: Mapping[str, Any] | None, function: Callable[..., Any]
) -> None:
    """Raises ValueError for a pointer that can match neither the payload nor the annotated result."""
    result = _result_schema(function) if pointers else True
    for pointer in pointers:
        parts = parse_pointer(pointer)
        if not can_match(True if payload_schema is None else payload_schema, parts) and not can_match(
            result, parts
        ):
            raise ValueError(f"redact: {pointer!r} matches nothing in the payload or result")


def _result_schema(function: Callable[..., Any]) -> Any:
    """The schema of the result; True, which matches any document, if there is no usable annotation."""
    try:
        hints = typing.get_type_hints(function)
        return TypeAdapter(hints["return"]).json_schema(mode="serialization")
    except Exception:
        return True
