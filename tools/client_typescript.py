"""The types of the TypeScript client: one for each schema of the document and each set of options."""

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tools.client_types import FILTERS, OPTIONS, described, options_of

HEAD = "// What requests and responses contain. Written by `make generate` from the OpenAPI document.\n"
PRIMITIVES = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}


def client_typescript(document: Mapping[str, Any]) -> str:
    schemas: dict[str, Any] = document["components"]["schemas"]
    parts = [HEAD]
    for name, schema in schemas.items():
        if "properties" in schema:
            required = set(schema.get("required", []))
            parts.append(_interface(name, schema, schema["properties"], required, name.endswith("In")))
        else:
            parts.append(f"export type {name} = {_type(schema, False)};\n")
    for name, sources in OPTIONS.items():
        about = {"description": f"See {described(sources)}."}
        parts.append(_interface(name, about, options_of(schemas, sources), set(), True))
    operations = {
        operation["operationId"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }
    for name, operation in FILTERS.items():
        members = {
            row["name"]: {**row["schema"], "description": row.get("description", "")}
            for row in operations[operation].get("parameters", [])
            if row["in"] == "query" and row["name"] not in ("limit", "cursor")
        }
        about = {"description": f"The filters of {operation}."}
        parts.append(_interface(name, about, members, set(), True))
    own = json.dumps(list(options_of(schemas, OPTIONS["FanOutOptions"])))
    parts.append("/** What belongs to a fan-out, and not to its jobs. */")
    parts.append(f"export const FAN_OUT_OPTIONS: string[] = {own};\n")
    return "\n".join(parts)


def _interface(
    name: str, schema: Mapping[str, Any], members: Mapping[str, Any], required: set[str], request: bool
) -> str:
    lines = [*_comment(schema.get("description", "").split("\n\n")[0], ""), f"export interface {name} {{"]
    for member, value in members.items():
        kind = _type(value, request)
        # One tag needs no list.
        if member == "tag" and not required:
            kind = f"string | {kind}"
        lines += _comment(value.get("description", ""), "  ")
        lines.append(f"  {member}{'' if member in required else '?'}: {kind};")
    return "\n".join([*lines, "}"]) + "\n"


def _comment(text: str, indent: str) -> Iterator[str]:
    lines = textwrap.wrap(" ".join(text.split()).replace("*/", "* /"), 100)
    if len(lines) == 1:
        yield f"{indent}/** {lines[0]} */"
    elif lines:
        yield f"{indent}/**"
        yield from (f"{indent} * {line}" for line in lines)
        yield f"{indent} */"


def _type(schema: Mapping[str, Any], request: bool) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return reference.rpartition("/")[2]
        case {"allOf": [only]}:
            return _type(only, request)
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            return " | ".join(dict.fromkeys(_type(choice, request) for choice in choices))
        case {"enum": list(values)}:
            return " | ".join(json.dumps(value) for value in values)
        case {"const": value}:
            return json.dumps(value)
        case {"type": list(names)}:
            return " | ".join(_type({**schema, "type": name}, request) for name in names)
        case {"type": "array"}:
            kind = _type(schema.get("items", {}), request)
            return f"({kind})[]" if " " in kind else f"{kind}[]"
        case {"type": "object", "patternProperties": patterns}:
            (value,) = patterns.values()
            return f"Record<string, {_type(value, request)}>"
        case {"type": "object", "additionalProperties": dict(value)}:
            return f"Record<string, {_type(value, request)}>"
        case {"type": "object"}:
            return "Record<string, unknown>"
        case {"type": "string", "format": "date-time"} if request:
            return "string | Date"
        case {"type": str(name)}:
            return PRIMITIVES[name]
        case _:
            return "unknown"
