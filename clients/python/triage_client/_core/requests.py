"""A request before it is sent."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from urllib.parse import quote
from uuid import UUID


class Repeat(Enum):
    """When the client may send the request a second time."""

    SAFE = "safe"
    #: Only after a response, or a failure, that means that the API did nothing.
    UNAPPLIED = "unapplied"


Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    parameters: Parameters = field(default_factory=dict[str, Any])
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeat: Repeat = Repeat.SAFE
    #: How long the API may wait before it responds, in seconds.
    wait: float = 0


def path(template: str, *parts: str) -> str:
    """The path with escaped parts in place of its `{}`."""
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{template}: an id or a name is empty")
    return template.format(*(quote(part, safe=":") for part in parts))


def query(parameters: Parameters) -> dict[str, Any]:
    """The parameters that have a value."""
    return {name: _parameter(value) for name, value in parameters.items() if value is not None}


def _parameter(value: Any) -> Any:
    if isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Sequence):
        return [_parameter(row) for row in value]  # pyright: ignore[reportUnknownVariableType]
    return plain(value)


def encode(body: Any) -> bytes:
    """Raises TypeError or ValueError for what JSON cannot express."""
    return json.dumps(
        body, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=plain
    ).encode()


def plain(value: Any) -> str:
    """Times and UUIDs as the API reads them."""
    match value:
        case datetime(tzinfo=None):
            raise ValueError(
                f"{value!r} has no time zone: use datetime.now(UTC) or datetime(..., tzinfo=...)"
            )
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} is not a value of JSON: {value!r}")


def new_key() -> str:
    """An Idempotency-Key for a request that only the client repeats."""
    return secrets.token_hex(16)


def if_version(version: int | None) -> tuple[dict[str, str], Repeat]:
    """The header If-Match, and how often a request with it may be sent: once, if its response is lost."""
    return ({}, Repeat.SAFE) if version is None else ({"If-Match": f'"{version}"'}, Repeat.UNAPPLIED)
