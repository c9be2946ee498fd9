"""Finds the names of the fields at a place in a document, from the models of its schema."""

from collections.abc import Iterable, Iterator, Sequence
from inspect import isclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def fields_of(model: Any, path: Sequence[str | int], *, required: bool = False) -> list[str]:
    """The fields of the models at `path`, in the order of the schema; empty if it has no model there."""
    found: dict[str, None] = {}
    for annotation in _at(model, path):
        for name, field in annotation.model_fields.items():
            if field.is_required() or not required:
                found[name] = None
    return list(found)


def description_of(model: Any, path: Sequence[str | int]) -> str:
    """What the schema says about the field at `path`."""
    for annotation in _at(model, path[:-1]):
        if (field := annotation.model_fields.get(str(path[-1]))) is not None and field.description:
            return field.description[0].lower() + field.description[1:].rstrip(".")
    return ""


def _at(model: Any, path: Sequence[str | int]) -> list[type[BaseModel]]:
    annotations: list[Any] = [model]
    for part in path:
        annotations = list(_step(annotations, part))
    return [type_ for type_ in _alternatives(annotations) if isclass(type_) and issubclass(type_, BaseModel)]


def _step(annotations: Iterable[Any], part: str | int) -> Iterator[Any]:
    for annotation in _alternatives(annotations):
        if isclass(annotation) and issubclass(annotation, BaseModel):
            if part in annotation.model_fields:
                yield annotation.model_fields[str(part)].annotation
        elif arguments := get_args(annotation):
            yield arguments[-1]  # the items of a list, the values of an object


def _alternatives(annotations: Iterable[Any]) -> Iterator[Any]:
    """The alternatives of unions, without metadata."""
    for annotation in annotations:
        origin = get_origin(annotation)
        if origin is Annotated:
            yield from _alternatives(get_args(annotation)[:1])
        elif origin in (Union, UnionType):
            yield from _alternatives(get_args(annotation))
        else:
            yield annotation
