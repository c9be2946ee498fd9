"""A payload that fits the schema of a job type, for a request to try."""

from collections.abc import Mapping
from typing import Any, cast

_MAX_DEPTH = 5
_FORMATS = {
    "date": "2026-11-27",
    "date-time": "2026-11-27T09:30:00Z",
    "time": "09:30:00",
    "duration": "PT1M",
    "email": "ada@example.com",
    "uri": "https://example.com/",
    "uuid": "0c1d2e3f-0a1b-4c2d-8e3f-405162738495",
}


def example_payload(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """The required properties only."""
    if schema is None:
        return {}
    value = _value(schema, "", schema, 0)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _value(schema: Any, name: str, root: Mapping[str, Any], depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return "example"
    node = cast("Mapping[str, Any]", schema)
    if isinstance(reference := node.get("$ref"), str):
        target = root.get("$defs", {}).get(reference.rpartition("/")[2], {})
        return _value(target, name, root, depth + 1)
    for key in ("examples", "enum"):
        if node.get(key):
            return node[key][0]
    for key in ("const", "default"):
        if key in node:
            return node[key]
    for key in ("anyOf", "oneOf", "allOf"):
        choices = [choice for choice in node.get(key, ()) if choice.get("type") != "null"]
        if choices:
            return _value(choices[0], name, root, depth + 1)
    return _of_type(node, name, root, depth)


def _of_type(node: Mapping[str, Any], name: str, root: Mapping[str, Any], depth: int) -> Any:
    match node.get("type"):
        case "integer" | "number":
            return node.get("minimum", node.get("exclusiveMinimum", 0) + 1)
        case "boolean":
            return True
        case "null":
            return None
        case "array":
            return [_value(node.get("items", {}), name, root, depth + 1)] * node.get("minItems", 1)
        case "object":
            properties = node.get("properties", {})
            return {
                key: _value(properties.get(key, {}), key, root, depth + 1) for key in node.get("required", ())
            }
        case _:
            return _text(node, name)


def _text(node: Mapping[str, Any], name: str) -> str:
    if (form := node.get("format")) in _FORMATS:
        return _FORMATS[form]
    if name.endswith("_id"):
        text = f"{name[0]}-1"
    elif "email" in name:
        text = _FORMATS["email"]
    elif "url" in name:
        text = _FORMATS["uri"]
    else:
        text = "example"
    return text.ljust(node.get("minLength", 0), "x")[: node.get("maxLength", 64)]
