"""Checks the JSON pointers of `redact=`, and whether they can match a schema."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from service.domain.checks import SpecInvalid, refuse

#: Stands for every member of an object and every item of a list.
ANY = "*"
POINTER = r"^(/([^/~\x00-\x1f]|~[01])+)+$"
_POINTER = re.compile(POINTER)


def parse_pointer(pointer: str) -> tuple[str, ...]:
    """The parts of a pointer; raises ValueError for a pointer that cannot match in any document."""
    if not _POINTER.fullmatch(pointer):
        raise ValueError(
            f"invalid JSON pointer {pointer!r}: write /card/number, or /cards/*/number for every item"
        )
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def read_pointers(value: Any, at: str) -> tuple[str, ...]:
    """The value of `redact=`; raises SpecInvalid."""
    if not isinstance(value, list | tuple):
        refuse(at, "list_type", "must be a list", value)
    pointers = cast("Sequence[Any]", value)
    for index, pointer in enumerate(pointers):
        if not isinstance(pointer, str):
            refuse(f"{at}/{index}", "string_type", "must be a string", pointer)
        try:
            parse_pointer(pointer)
        except ValueError as error:
            raise SpecInvalid(f"{at}/{index}", "value_error", str(error)) from None
    return tuple(pointers)


def can_match(schema: Any, parts: tuple[str, ...]) -> bool:
    """Whether the pointer can match in a document of this JSON Schema; true in doubt."""
    return _reaches(schema, parts, schema, 0)


#: Limit of nested references and alternatives; deeper schemas count as a match.
_MAX_DEPTH = 64


def _reaches(schema: Any, parts: tuple[str, ...], root: Any, depth: int) -> bool:
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return schema is not False
    node: Mapping[str, Any] = schema
    if not parts:
        return True
    if "$ref" in node:
        return _reaches(_resolve(str(node["$ref"]), root), parts, root, depth + 1)
    for word in ("anyOf", "oneOf"):
        if word in node:
            return any(_reaches(branch, parts, root, depth + 1) for branch in node[word])
    if "allOf" in node:
        return all(_reaches(branch, parts, root, depth + 1) for branch in node["allOf"])
    first, rest = parts[0], parts[1:]
    return any(_reaches(child, rest, root, depth + 1) for child in _children(node, first))


def _children(node: Mapping[str, Any], part: str) -> list[Any]:
    types = node.get("type", ("object", "array"))
    types = (types,) if isinstance(types, str) else types
    found: list[Any] = []
    if "object" in types:
        properties: Mapping[str, Any] = node.get("properties", {})
        if part == ANY:
            found += properties.values()
        elif part in properties:
            found.append(properties[part])
        if part not in properties:
            found += node.get("patternProperties", {}).values()
            found.append(node.get("additionalProperties", True))
    if "array" in types and (part == ANY or part.isdecimal()):
        prefix: list[Any] = node.get("prefixItems", [])
        if part == ANY:
            found += prefix
        elif int(part) < len(prefix):
            return [*found, prefix[int(part)]]
        found.append(node.get("items", True))
    return found


def _resolve(reference: str, root: Any) -> Any:
    target = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        target = target.get(name, True) if isinstance(target, Mapping) else True
    return target
