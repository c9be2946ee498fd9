"""Turns errors of pydantic into rows for people: a JSON pointer into the document, and what to do.

pydantic's locations name parts of its own schema, such as the branches of a union, and it reports the errors
of every branch. These rows name only what is in the document, and only the branch that it meant.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from service.api.responses.field_names import description_of, fields_of
from service.domain.checks import join_pointer
from service.domain.phrases import TYPES, phrase
from service.domain.similar import did_you_mean

#: The most rows of a request, and of one item in it.
MAX_ROWS, MAX_ITEM_ROWS = 100, 20

#: pydantic's last part of the location of an error in the key of an object.
_KEY_ITSELF = "[key]"


@dataclass(slots=True)
class _Found:
    """An error in the document: `labels` are the parts of its location that the document does not have."""

    error: Mapping[str, Any]
    parts: tuple[str | int, ...]
    labels: tuple[str, ...]
    #: How many parts precede the first label: the place of a union.
    union_at: int

    @property
    def code(self) -> str:
        return self.error["type"]

    @property
    def is_of_another_type(self) -> bool:
        """Whether the value at the union is of a type that this branch cannot have."""
        if len(self.parts) > self.union_at:
            return False
        return self.code in TYPES or (
            self.code == "literal_error" and not isinstance(self.error["input"], str)
        )


def model_rows(
    error: ValidationError, root: str, document: Any, model: type[BaseModel]
) -> list[dict[str, str]]:
    """The rows of an item of a request, whose pointer is `root`."""
    return rows_of(error.errors(include_url=False)[:MAX_ITEM_ROWS], root, document, model)


def rows_of(
    errors: Sequence[Mapping[str, Any]], root: str, document: Any, model: Any = None
) -> list[dict[str, str]]:
    """A row per problem of a `document` whose pointer is `root`; `model` is its type."""
    found = _meant([_locate(error, document) for error in errors])
    rows: list[dict[str, str]] = []
    hidden = _misplaced(found, model)
    for item in found:
        if item.parts in hidden:
            continue
        pointer = root
        for part in item.parts:
            pointer = join_pointer(pointer, part)
        rows.append({"pointer": pointer, "code": item.code, "message": _message(item, model, hidden)})
    return rows


def parameter_row(error: Mapping[str, Any]) -> dict[str, str]:
    """The row of a query parameter or header."""
    pointer = ".".join(str(part) for part in error["loc"])
    message = "is missing" if error["type"] == "missing" else phrase(error)
    return {"pointer": pointer, "code": error["type"], "message": message}


def _locate(error: Mapping[str, Any], document: Any) -> _Found:
    parts: list[str | int] = []
    labels: list[str] = []
    union_at, location = 0, error["loc"]
    value: Any = document
    for number, part in enumerate(location, 1):
        if _has(value, part):
            value = value[part]
        elif number == len(location) and error["type"] == "missing":
            value = None
        else:
            union_at = union_at if labels else len(parts)
            labels.append(str(part))
            continue
        parts.append(part)
    return _Found(error, tuple(parts), tuple(labels), union_at)


def _has(value: Any, part: str | int) -> bool:
    if isinstance(part, str):
        return isinstance(value, dict) and part in value
    return isinstance(value, list) and part < len(cast("list[Any]", value))


def _meant(found: list[_Found]) -> list[_Found]:
    """Without the errors of the branches of a union that the client did not mean."""
    kept: list[_Found] = []
    for place, group in itertools.groupby(found, _union):
        rows = list(group)
        branches = {
            label: list(items) for label, items in itertools.groupby(rows, lambda item: item.labels[:1])
        }
        if place is None or len(branches) == 1:
            kept += rows
            continue
        fitting = [items for items in branches.values() if not all(item.is_of_another_type for item in items)]
        if fitting:
            kept += fitting[0]
            continue
        choices = list(dict.fromkeys(phrase(item.error).removeprefix("must be ") for item in rows))
        message = f"must be {' or '.join(choices)}"
        kept.append(_Found({**rows[0].error, "type": rows[0].code, "says": message}, place, (), len(place)))
    return kept


def _union(item: _Found) -> tuple[str | int, ...] | None:
    return item.parts[: item.union_at] if item.labels and item.labels[0] != _KEY_ITSELF else None


def _misplaced(found: list[_Found], model: Any) -> dict[tuple[str | int, ...], tuple[str | int, ...]]:
    """Unknown fields that belong into a missing one next to them: their paths, and the path of that one."""
    misplaced: dict[tuple[str | int, ...], tuple[str | int, ...]] = {}
    for item in found:
        if item.code != "missing" or model is None:
            continue
        inside = fields_of(model, item.parts)
        for other in found:
            if (
                other.code == "extra_forbidden"
                and other.parts[:-1] == item.parts[:-1]
                and other.parts[-1] in inside
            ):
                misplaced[other.parts] = item.parts
    return misplaced


def _message(
    item: _Found, model: Any, misplaced: Mapping[tuple[str | int, ...], tuple[str | int, ...]]
) -> str:
    if (says := item.error.get("says")) is not None:
        return says
    if item.code == "missing":
        if not item.parts:
            names = ", ".join(fields_of(model, (), required=True))
            return "the request needs a JSON body" + (f" with {names}" if names else "")
        inside = [str(path[-1]) for path, place in misplaced.items() if place == item.parts]
        if inside:
            return f"is missing; {' and '.join(inside)} must be inside it"
        meaning = description_of(model, item.parts)
        return f"is missing: {meaning}" if meaning else "is missing"
    if item.code == "extra_forbidden":
        known = fields_of(model, item.parts[:-1])
        fields = f"; the fields are {', '.join(known)}" if known else ""
        return f"unknown field{did_you_mean(str(item.parts[-1]), known) or fields}"
    return phrase(item.error)
