"""The types of the Python client: a TypedDict for each schema of the document and each set of options."""

import keyword
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

HEAD = '''"""What requests and responses contain. Written by `make generate` from the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal, NotRequired, TypedDict
'''
_JOB = ("JobSpecIn", {"name", "payload"})
_FAN_OUT = ("FanOutSpecIn", {"template", "items", "sealed", "then"})
#: Keyword arguments of the client: the members of schemas without those that have separate arguments.
#: If two schemas have a member, the later one counts.
OPTIONS: Mapping[str, list[tuple[str, set[str]]]] = {
    "JobOptions": [_JOB],
    "ScheduleOptions": [("ScheduleIn", {"job"})],
    "FlowOptions": [("FlowSpecIn", {"name", "jobs"})],
    "FanOutOptions": [_FAN_OUT],
    "FanOutKeywords": [_JOB, _FAN_OUT],
    "BulkFilter": [("BulkFilterIn", set())],
    "DeadBulkFilter": [("DeadFilterIn", set())],
    "ApiKeyOptions": [("ApiKeyIn", {"name", "scopes"})],
    "NamespaceOptions": [("NamespaceIn", {"name"})],
}
#: The same for the query parameters of a list.
FILTERS = {
    "JobFilter": "list_jobs",
    "DeadLetterFilter": "list_dead_letters",
    "DeadLetterGroupFilter": "list_dead_letter_groups",
}
PRIMITIVES = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
WIDTH = 110


def client_types(document: Mapping[str, Any]) -> str:
    schemas: dict[str, Any] = document["components"]["schemas"]
    parts = [HEAD]
    for name, schema in schemas.items():
        if "properties" in schema:
            required = set(schema.get("required", []))
            members = {
                member: (_type(value, name.endswith("In")), member in required)
                for member, value in schema["properties"].items()
            }
            parts.append(_typed_dict(name, _summary(schema), members))
        else:
            parts.append(f"{name} = {_type(schema, False)}\n")
    for name, sources in OPTIONS.items():
        members = {
            member: (_one_or_many(member, _type(value, True)), False)
            for member, value in options_of(schemas, sources).items()
        }
        parts.append(_typed_dict(name, f"Keyword arguments; see {described(sources)}.", members))
    parameters = {
        operation["operationId"]: operation.get("parameters", [])
        for path in document["paths"].values()
        for operation in path.values()
    }
    for name, operation in FILTERS.items():
        members = {
            row["name"]: (_one_or_many(row["name"], _type(row["schema"], True)), False)
            for row in parameters[operation]
            if row["in"] == "query" and row["name"] not in ("limit", "cursor")
        }
        parts.append(_typed_dict(name, f"Keyword arguments: the filters of {operation}.", members))
    return "\n\n".join(part.strip("\n") + "\n" for part in parts)


def options_of(schemas: Mapping[str, Any], sources: list[tuple[str, set[str]]]) -> dict[str, Any]:
    """The members that become keyword arguments, with their schemas."""
    return {
        member: value
        for source, without in sources
        for member, value in schemas[source]["properties"].items()
        if member not in without
    }


def described(sources: list[tuple[str, set[str]]]) -> str:
    return " and ".join(source for source, _ in sources)


def _summary(schema: Mapping[str, Any]) -> str:
    return " ".join(schema.get("description", "").split("\n\n")[0].split())


def _one_or_many(member: str, kind: str) -> str:
    """One tag needs no list."""
    return f"str | {kind}" if member == "tag" else kind


def _type(schema: Mapping[str, Any], request: bool) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return f'"{reference.rpartition("/")[2]}"'
        case {"allOf": [only]}:
            return _type(only, request)
        case {"anyOf": list(choices)} | {"oneOf": list(choices)}:
            return _union([_type(choice, request) for choice in choices])
        case {"enum": list(values)}:
            return f"Literal[{', '.join(_quoted(value) for value in values)}]"
        case {"const": value}:
            return f"Literal[{_quoted(value)}]"
        case {"type": list(names)}:
            return _union([_type({**schema, "type": name}, request) for name in names])
        case {"type": "array"}:
            return f"list[{_type(schema.get('items', {}), request)}]"
        case {"type": "object", "patternProperties": patterns}:
            (value,) = patterns.values()
            return f"dict[str, {_type(value, request)}]"
        case {"type": "object", "additionalProperties": dict(value)}:
            return f"dict[str, {_type(value, request)}]"
        case {"type": "object"}:
            return "dict[str, Any]"
        case {"type": "string", "format": "date-time"} if request:
            return "str | datetime"
        case {"type": str(name)}:
            return PRIMITIVES[name]
        case _:
            return "Any"


def _union(choices: list[str]) -> str:
    found = list(dict.fromkeys(choices))
    if "Any" in found:
        return "Any"
    text = " | ".join(found)
    # A quoted name next to `|` would be evaluated: the whole is quoted instead.
    return (
        f'"{text.replace(chr(34), "")}"' if '"' in text and len(found) > 1 and "Literal" not in text else text
    )


def _quoted(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _typed_dict(name: str, summary: str, members: Mapping[str, tuple[str, bool]]) -> str:
    lines = {
        member: kind if required else f"NotRequired[{kind}]" for member, (kind, required) in members.items()
    }
    if any(keyword.iskeyword(member) for member in lines):
        rows = "".join(f'        "{member}": {kind},\n' for member, kind in lines.items())
        return f'{name} = TypedDict(\n    "{name}",\n    {{\n{rows}    }},\n)\n'
    return "\n".join([f"class {name}(TypedDict):", *_docstring(summary), *_members(lines)]) + "\n"


def _docstring(summary: str) -> Iterator[str]:
    if not summary:
        return
    lines = textwrap.wrap(summary, WIDTH - 4 - 6)
    yield f'    """{lines[0]}' + ('"""' if len(lines) == 1 else "")
    if len(lines) > 1:
        yield from (f"    {line}" for line in lines[1:])
        yield '    """'
    yield ""


def _members(lines: Mapping[str, str]) -> Iterator[str]:
    for member, kind in lines.items():
        yield f"    {member}: {kind}"
