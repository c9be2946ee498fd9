"""Reads a handler's parameters as the schema of its payload."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model

_UNNAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Fields of Handler that follow from its function's signature."""

    model: type[BaseModel] | None
    whole: str | None = None
    positional: bool = False
    parameters: tuple[str, ...] = ()
    nameless: int = 0


def read_parameters(name: str, function: Callable[..., Any]) -> Parameters:
    """Raises TypeError or NameError, and pydantic's own errors, for what no JSON object can fill."""
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
    annotations = {parameter.name: _annotation(parameter, scope) for parameter in named}
    names = tuple(annotations)
    if len(rest) == len(named) == 1:
        annotation = annotations[names[0]]
        if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
            return Parameters(annotation, names[0], parameters=names, nameless=len(nameless))
    # Fields have names of their own: a parameter may be called `json` or `_id`, a field may not.
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


def _annotation(parameter: inspect.Parameter, scope: Mapping[str, Any]) -> Any:
    """Each by itself: the annotation of `ctx` or of the result may name what only a type checker imports."""
    if parameter.annotation is parameter.empty:
        return Any
    if isinstance(parameter.annotation, str):
        return eval(parameter.annotation, dict(scope))
    return parameter.annotation
