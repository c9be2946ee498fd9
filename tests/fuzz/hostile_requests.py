"""Requests that are valid but for one value, generated from the document."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import orjson

from tests.api.document import Operation, resolve
from tests.fuzz.hostile_values import BODIES, OF_PARAMETERS, TEXTS, TIMES, VALUES

#: Headers are lines of visible characters; the server closes the connection on longer ones.
_HEADER_AT_MOST = 4_000


@dataclass(frozen=True)
class HostileRequest:
    """`what` names the replaced value and its replacement."""

    operation: Operation
    what: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, bytes] = field(default_factory=dict)
    body: bytes | None = None
    #: Always sent, because it was made for this parameter.
    always: bool = False

    def address(self, resource: dict[str, str]) -> str:
        """`resource` has the path parameters of the resource; replaced ones win."""
        path = {**resource, **{name: quote(value, safe="") for name, value in self.path.items()}}
        query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in self.query.items())
        plain = self.operation.address(**path)
        return plain + ("&" if "?" in plain else "?") * bool(query) + query

    @property
    def content(self) -> bytes | None:
        if self.body is not None or self.operation.request is None:
            return self.body
        return orjson.dumps(self.operation.request["example"])


def requests_of(operation: Operation) -> Iterator[HostileRequest]:
    """Every parameter and every value of the body, one at a time."""
    for row in operation.parameters("path"):
        for text in TEXTS:
            if text not in ("", ".", ".."):
                yield HostileRequest(operation, _what(row["name"], text), path={row["name"]: text})
    for row in operation.parameters("query"):
        for text, always in _texts(row):
            yield HostileRequest(
                operation, _what(row["name"], text), query={row["name"]: text}, always=always
            )
    yield HostileRequest(operation, "an unknown parameter", query={"unknown": "1"})
    for row in operation.parameters("header"):
        for text, always in _texts(row):
            value = text.encode()[:_HEADER_AT_MOST]
            if value.strip() == value and not any(byte < 32 or byte == 127 for byte in value):
                yield HostileRequest(
                    operation, _what(row["name"], text), headers={row["name"]: value}, always=always
                )
    if operation.request is None:
        return
    for body in BODIES:
        yield HostileRequest(operation, f"body {body[:40]!r}", body=body)
    example, schema = operation.request["example"], operation.request["schema"]
    for place in sorted(_places(example, schema), key=str):
        for value in VALUES:
            changed = _replaced(example, place, value)
            yield HostileRequest(
                operation, _what("/" + "/".join(map(str, place)), value), body=orjson.dumps(changed)
            )


def _texts(parameter: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    takes_time = '"date-time"' in orjson.dumps(parameter["schema"]).decode()
    own = TIMES if takes_time else OF_PARAMETERS.get(parameter["name"], [])
    yield from ((text, True) for text in own)
    yield from ((text, False) for text in TEXTS if text not in own)


def _what(name: str, value: object) -> str:
    return f"{name}={value!r}"[:120]


def _places(value: Any, schema: dict[str, Any]) -> set[tuple[str | int, ...]]:
    """Positions of values, from the example and from the schema; of lists, the first element."""
    schema = resolve(schema)
    found: set[tuple[str | int, ...]] = set()
    if isinstance(value, dict):
        properties = {
            name: row for part in _parts(schema) for name, row in part.get("properties", {}).items()
        }
        for name in {*properties, *value}:
            found.add((name,))
            rest = _places(value.get(name), properties.get(name, {}))
            found |= {(name, *place) for place in rest}
    elif isinstance(value, list) and value:
        items = next((part["items"] for part in _parts(schema) if "items" in part), {})
        found |= {(0,), *((0, *place) for place in _places(value[0], items))}
    return found


def _parts(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    schema = resolve(schema)
    yield schema
    for kind in ("anyOf", "oneOf", "allOf"):
        for part in schema.get(kind, []):
            yield from _parts(part)


def _replaced(document: Any, place: tuple[str | int, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    parent = changed
    for step in place[:-1]:
        parent = parent[step]
    parent[place[-1]] = value
    return changed
