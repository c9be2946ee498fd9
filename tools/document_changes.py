"""Finds what would break a client between two versions of the OpenAPI document.

    python -m tools.document_changes            prints what breaks against openapi/released.json
    python -m tools.document_changes --release  makes the current document the released one

New operations, optional request fields, response fields, and new values of an enumeration in a response
break nothing. Any other change is printed with its place.
"""

import sys
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parent.parent
CURRENT, RELEASED = ROOT / "openapi/openapi.json", ROOT / "openapi/released.json"

Node = dict[str, Any]
#: Bounds of a request; narrowing one breaks clients.
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")


def breaking_changes(old: Node, new: Node) -> list[str]:
    """One line per change that a client of the old document could trip over."""
    return list(_Comparison(old, new).operations())


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        # A schema may refer to itself, so compare each one once as a request and once as a response.
        self._seen: set[tuple[str, bool]] = set()

    def operations(self) -> Iterator[str]:
        for path, item in self._old["paths"].items():
            for method, before in item.items():
                place = f"{method.upper()} {path}"
                after = self._new["paths"].get(path, {}).get(method)
                if after is None:
                    yield f"{place}: operation removed"
                    continue
                if before["operationId"] != after["operationId"]:
                    yield f"{place}: renamed from {before['operationId']} to {after['operationId']}"
                if before.get("x-required-scope") != after.get("x-required-scope"):
                    yield f"{place}: needs another scope"
                yield from self._parameters(place, before, after)
                yield from self._request(place, before, after)
                yield from self._responses(place, before, after)

    def _parameters(self, place: str, before: Node, after: Node) -> Iterator[str]:
        old = {(row["in"], row["name"].lower()): row for row in before.get("parameters", [])}
        new = {(row["in"], row["name"].lower()): row for row in after.get("parameters", [])}
        for (where, name), row in old.items():
            if (where, name) not in new:
                yield f"{place}: {where} parameter {name} removed"
            else:
                yield from self._schema(
                    f"{place} {where}.{name}", row["schema"], new[where, name]["schema"], True
                )
        for (where, name), row in new.items():
            if row.get("required") and not old.get((where, name), {}).get("required"):
                yield f"{place}: {where} parameter {name} is now required"

    def _request(self, place: str, before: Node, after: Node) -> Iterator[str]:
        old, new = before.get("requestBody"), after.get("requestBody")
        if new is None:
            if old is not None:
                yield f"{place}: request body removed"
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{place}: request body is now required"
        if old is not None:
            yield from self._content(f"{place} request", old["content"], new["content"], True)

    def _responses(self, place: str, before: Node, after: Node) -> Iterator[str]:
        for status, response in before["responses"].items():
            if status not in after["responses"]:
                if status.startswith("2"):
                    yield f"{place}: response {status} removed"
                continue
            old = _resolve(response, self._old)
            new = _resolve(after["responses"][status], self._new)
            for name in old.get("headers", {}):
                if name not in new.get("headers", {}):
                    yield f"{place} {status}: header {name} removed"
            yield from self._content(
                f"{place} {status}", old.get("content", {}), new.get("content", {}), False
            )

    def _content(self, place: str, old: Node, new: Node, request: bool) -> Iterator[str]:
        for media_type, media in old.items():
            if media_type not in new:
                yield f"{place}: {media_type} removed"
            elif "schema" in media:
                yield from self._schema(place, media["schema"], new[media_type].get("schema", {}), request)

    def _schema(self, place: str, old: Node, new: Node, request: bool) -> Iterator[str]:
        # Generated clients send the declared default. An absent field may mean something else than it.
        if request and "default" in new and new["default"] != old.get("default", new):
            yield f"{place}: absent, it is now {new['default']}"
        before, after = self._choices(old, self._old), self._choices(new, self._new)
        for name in sorted(before.keys() - after.keys() if request else after.keys() - before.keys()):
            yield f"{place}: {'no longer takes' if request else 'may now be'} {name}"
        for name in before.keys() & after.keys():
            if name[0].isupper():  # the name of a schema: compared once, under its own name
                if (name, request) in self._seen:
                    continue
                self._seen.add((name, request))
            yield from self._choice(name if name[0].isupper() else place, before[name], after[name], request)

    def _choice(self, place: str, old: Node, new: Node, request: bool) -> Iterator[str]:
        yield from _values(place, old, new, request)
        for field, schema in old.get("properties", {}).items():
            if field not in new.get("properties", {}):
                yield f"{place}.{field}: removed"
            else:
                yield from self._schema(f"{place}.{field}", schema, new["properties"][field], request)
        before, after = set(old.get("required", [])), set(new.get("required", []))
        for field in sorted(after - before if request else before - after):
            if field in new.get("properties", {}):
                yield f"{place}.{field}: {'is now required' if request else 'may now be absent'}"
        for part in ("items", "additionalProperties"):
            if isinstance(old.get(part), dict) and isinstance(new.get(part), dict):
                yield from self._schema(f"{place}.{part}", old[part], new[part], request)

    def _choices(self, schema: Node, document: Node) -> dict[str, Node]:
        """The schemas that a value may have, by their name or type."""
        if choices := schema.get("anyOf") or schema.get("oneOf"):
            found: dict[str, Node] = {}
            for choice in choices:
                found |= self._choices(choice, document)
            return found
        if "$ref" in schema:
            return {schema["$ref"].rpartition("/")[2]: _resolve(schema, document)}
        return {schema.get("type", "any"): schema}


def _resolve(node: Node, document: Node) -> Node:
    while "$ref" in node:
        _, *path = node["$ref"].split("/")
        node = document
        for part in path:
            node = node[part]
    return node


def _values(place: str, old: Node, new: Node, request: bool) -> Iterator[str]:
    """Removed values of an enumeration, and bounds that became narrower for a request."""
    before, after = _enumerated(old), _enumerated(new)
    if before and after:
        yield from (f"{place}: value {value} removed" for value in sorted(before - after))
    if not request:
        return
    if after and not before:
        yield f"{place}: takes only some values now"
    if new.get("pattern", old.get("pattern")) != old.get("pattern"):
        yield f"{place}: another pattern"
    for bound in _UPPER + _LOWER:
        if bound in new:
            widest = (
                max(new[bound], old.get(bound, inf))
                if bound in _UPPER
                else min(new[bound], old.get(bound, -inf))
            )
            if widest != new[bound]:
                yield f"{place}: {bound} is narrower, {new[bound]}"


def _enumerated(schema: Node) -> set[str]:
    return {str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])}


def main() -> int:
    if "--release" in sys.argv:
        RELEASED.write_bytes(CURRENT.read_bytes())
        print(f"{CURRENT.name} is now {RELEASED.name}")
        return 0
    changes = breaking_changes(orjson.loads(RELEASED.read_bytes()), orjson.loads(CURRENT.read_bytes()))
    print("\n".join(changes) or "nothing breaks a client")
    return 1 if changes else 0


if __name__ == "__main__":
    raise SystemExit(main())
