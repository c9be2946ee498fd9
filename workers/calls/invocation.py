"""Turns a payload into the arguments of a call, and arguments into a payload."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from workers.calls.failures import describe
from workers.calls.parameters import Loose
from workers.calls.results import Encoded, ResultInvalid, encode_result
from workers.handler import Execution

__all__ = ["Encoded", "Handler", "PayloadMismatch", "ResultInvalid", "describe", "encode_result"]

#: The member of a payload with the positional arguments of a call whose function the caller did not know.
ARGS = "args"


class PayloadMismatch(ValueError):
    """The payload does not fit the handler's parameters."""


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that runs jobs of one type; its parameter `whole`, if any, takes the whole payload."""

    name: str
    function: Callable[..., Any]
    executor: Execution
    module: str
    model: type[BaseModel] | None
    whole: str | None = None
    #: Whether the handler takes *args: then only its signature restricts the payload.
    positional: bool = False
    #: Names of the parameters after ctx, in the order of the model's fields.
    parameters: tuple[str, ...] = ()
    #: How many of them are positional-only.
    nameless: int = 0
    #: Set instead of `model` for a function without @job.
    loose: Loose | None = None
    concurrency: int | None = None
    redact: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    #: Each parameter with its field of the model, cached because pydantic computes fields at every access.
    _fields: tuple[tuple[str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        fields = () if self.model is None or self.whole is not None else self.model.model_fields
        object.__setattr__(self, "_fields", tuple(zip(self.parameters, fields, strict=bool(fields))))

    def bind(self, payload: object) -> tuple[list[Any], dict[str, Any]]:
        """The arguments after `ctx`; raises PayloadMismatch."""
        if not isinstance(payload, dict):
            raise PayloadMismatch("The payload must be a JSON object.")
        values = self._with_names(cast(dict[str, Any], payload))
        if self.loose is not None:
            try:
                return self.loose.bind(values)
            except TypeError as error:
                raise PayloadMismatch(f"The payload does not match the handler: {error}") from None
        if self.model is None:
            return self._bind_positional(dict(values))
        try:
            model = self.model.model_validate(values)
        except ValidationError as error:
            raise PayloadMismatch(_summary(error)) from None
        if self.whole is not None:
            return ([model], {}) if self.nameless else ([], {self.whole: model})
        present = model.model_fields_set
        given = {name: getattr(model, field) for name, field in self._fields if field in present}
        args = [given.pop(name) for name in self.parameters[: self.nameless] if name in given]
        return args, given | (model.model_extra or {})

    def name_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The payload of a call in arq's convention; raises TypeError where the call itself would."""
        if self.positional:
            return {**({ARGS: list(args)} if args else {}), **kwargs}
        if self.whole is not None:
            return self._whole_payload(args, kwargs)
        signature = inspect.signature(self.function)
        arguments = dict(list(signature.bind_partial(None, *args, **kwargs).arguments.items())[1:])
        for parameter in signature.parameters.values():
            if parameter.kind is inspect.Parameter.VAR_KEYWORD:
                arguments |= arguments.pop(parameter.name, {})
        return arguments

    def schema(self) -> dict[str, Any] | None:
        if self.loose is not None:
            return self.loose.schema(f"{self.name} payload")
        return None if self.model is None else self.model.model_json_schema()

    def _with_names(self, payload: Mapping[str, Any]) -> Mapping[str, Any]:
        """Name the positional arguments of a job whose submitter did not know this function."""
        args = payload.get(ARGS)
        if self.positional or not isinstance(args, list) or self._has_args():
            return payload
        rest = {name: value for name, value in payload.items() if name != ARGS}
        try:
            return self.name_arguments(tuple(cast(list[Any], args)), rest)
        except TypeError as error:
            raise PayloadMismatch(f"The payload does not match the handler: {error}") from None

    def _has_args(self) -> bool:
        if self.whole is None or self.model is None:
            return ARGS in self.parameters
        return ARGS in {info.alias or name for name, info in self.model.model_fields.items()}

    def _bind_positional(self, values: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        args = values.pop(ARGS, [])
        if not isinstance(args, list):
            raise PayloadMismatch("The payload does not match the handler: /args must be a list.")
        arguments = cast(list[Any], args)
        try:
            inspect.signature(self.function).bind(None, *arguments, **values)
        except TypeError as error:
            raise PayloadMismatch(f"The payload does not match the handler: {error}") from None
        return arguments, values

    def _whole_payload(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        values: Any = kwargs
        if len(args) == 1 and not kwargs:
            values = args[0]
        elif (
            not args
            and set(kwargs) == {self.whole}
            and isinstance(kwargs[self.whole or ""], (BaseModel, Mapping))
        ):
            values = kwargs[self.whole or ""]
        elif args:
            raise TypeError(f"{self.name} must take one argument, its payload")
        if isinstance(values, BaseModel):
            return values.model_dump(mode="json", by_alias=True)
        if isinstance(values, Mapping):
            return dict(cast(Mapping[str, Any], values))
        raise TypeError(f"{self.name} must take its payload as a model or a mapping")


def _summary(error: ValidationError) -> str:
    rows = [f"{_pointer(row['loc'])}: {row['msg']}" for row in error.errors(include_url=False)[:10]]
    return "The payload does not match the handler: " + "; ".join(rows)


def _pointer(location: tuple[int | str, ...]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)
