"""Derives the schema of a payload from a handler's parameters."""

import contextlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model

_JSON_TYPES: tuple[Any, ...] = (Any, object, str, int, float, bool, list, dict, None, NoneType)
_UNNAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Loose:
    """The parameters of an arq function: names are checked, annotations are only hints.

    arq never reads annotations, so they may be wrong. A value that fits its annotation is converted if JSON
    has no such type (a date, a set, a model); any other value is passed unchanged.
    """

    names: tuple[str, ...]
    required: tuple[str, ...]
    #: The function takes **kwargs.
    extra: bool
    #: How many are positional-only.
    nameless: int
    #: Converters of parameters whose types do not exist in JSON.
    adapters: Mapping[str, TypeAdapter[Any]]

    def schema(self, title: str) -> dict[str, Any]:
        return {
            "title": title,
            "type": "object",
            "properties": {name: {} for name in self.names},
            "required": list(self.required),
            "additionalProperties": self.extra,
        }

    def bind(self, payload: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments after `ctx`; raises TypeError for missing or unknown names."""
        for name in self.required:
            if name not in payload:
                raise TypeError(f"/{name}: Field required")
        if not self.extra:
            for name in payload:
                if name not in self.names:
                    raise TypeError(f"/{name}: Extra inputs are not permitted")
        given = dict(payload)
        for name in self.adapters.keys() & given.keys() if self.adapters else ():
            given[name] = self._convert(name, given[name])
        if not self.nameless:
            return [], given
        return [given.pop(name) for name in self.names[: self.nameless] if name in given], given

    def _convert(self, name: str, value: Any) -> Any:
        adapter = self.adapters[name]
        # Validators of the author's types may raise anything.
        with contextlib.suppress(Exception):
            return adapter.validate_json(orjson.dumps(value), strict=True)
        with contextlib.suppress(Exception):
            return adapter.validate_python(value)
        return value


@dataclass(frozen=True, slots=True)
class Parameters:
    """The fields of a Handler that follow from its function's signature."""

    model: type[BaseModel] | None
    whole: str | None = None
    positional: bool = False
    parameters: tuple[str, ...] = ()
    nameless: int = 0
    loose: Loose | None = None


def read_parameters(name: str, function: Callable[..., Any], *, loose: bool = False) -> Parameters:
    """Read a signature; raises TypeError, NameError or a pydantic error if no JSON object can fill it.

    With `loose`, for functions without @job, it refuses only signatures that cannot be called.
    """
    every = list(inspect.signature(function).parameters.values())
    if not every or every[0].kind in _UNNAMED:
        raise TypeError("the first parameter must be ctx")
    first, *rest = every
    kinds = [parameter.kind for parameter in (first, *rest)]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return Parameters(None, positional=True)
    nameless = [parameter for parameter in rest if parameter.kind is inspect.Parameter.POSITIONAL_ONLY]
    named = [parameter for parameter in rest if parameter.kind is not inspect.Parameter.VAR_KEYWORD]
    scope: Mapping[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
    annotations = {parameter.name: _annotation(parameter, scope, loose) for parameter in named}
    names = tuple(annotations)
    if len(rest) == len(named) == 1:
        annotation = annotations[names[0]]
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            return Parameters(annotation, names[0], parameters=names, nameless=len(nameless))
    if loose:
        required = tuple(parameter.name for parameter in named if parameter.default is parameter.empty)
        given = Loose(names, required, len(named) != len(rest), len(nameless), _adapters(annotations))
        return Parameters(None, parameters=names, nameless=len(nameless), loose=given)
    # Fields get aliases: a parameter may be called `json` or `_id`, a field of a model may not.
    aliases = {f"p{index}": parameter for index, parameter in enumerate(named)}
    fields: dict[str, Any] = {
        field: (
            annotations[parameter.name],
            ... if parameter.default is parameter.empty else parameter.default,
        )
        for field, parameter in aliases.items()
    }
    config = ConfigDict(
        extra="forbid" if len(named) == len(rest) else "allow",
        alias_generator=lambda field: aliases[field].name,
    )
    model = create_model(f"{name} payload", __config__=config, **fields)
    return Parameters(model, parameters=names, nameless=len(nameless))


def _adapters(annotations: Mapping[str, Any]) -> dict[str, TypeAdapter[Any]]:
    adapters: dict[str, TypeAdapter[Any]] = {}
    for name, annotation in annotations.items():
        if _is_json(annotation):
            continue
        # pydantic has no schema for most classes of other libraries, and raises various errors.
        with contextlib.suppress(Exception):
            adapters[name] = TypeAdapter(annotation)
    return adapters


def _is_json(annotation: Any) -> bool:
    """Whether a JSON value needs no conversion to this type."""
    if annotation in _JSON_TYPES:
        return True
    if get_origin(annotation) in (list, dict, Union, UnionType):
        return all(_is_json(part) for part in get_args(annotation))
    return False


def _annotation(parameter: inspect.Parameter, scope: Mapping[str, Any], loose: bool) -> Any:
    """Resolve annotations one by one: the one on `ctx` may name a type imported only for type checkers."""
    if parameter.annotation is parameter.empty:
        return Any
    if isinstance(parameter.annotation, str):
        try:
            return eval(parameter.annotation, dict(scope))
        except Exception:
            if loose:
                return Any
            raise
    return parameter.annotation
