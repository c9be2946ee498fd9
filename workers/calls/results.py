"""Encodes what a handler returned as JSON."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, cast

import orjson
from pydantic import BaseModel

from workers.calls.failures import printable

#: The most bytes of the message of an error that the handler's classes raise.
MAX_REASON = 500
#: orjson refuses deeper values.
MAX_DEPTH = 250


class Encoded(bytes):
    """A result that a subprocess has already encoded as JSON."""


class NotJson(ValueError):
    """JSON cannot represent this value."""


class ResultInvalid(Exception):
    """The value that the handler returned cannot be stored as a result."""


def encode_result(value: object, limit_bytes: int) -> bytes:
    """The JSON text of a result; raises ResultInvalid if there is none, or if it exceeds `limit_bytes`."""
    if isinstance(value, Encoded):
        return bytes(value)
    try:
        text = encode_json(value)
    except NotJson as error:
        raise ResultInvalid(f"The result {error}") from None
    if len(text) > limit_bytes:
        raise ResultInvalid(
            f"Result is {len(text):,} bytes; the limit is {limit_bytes:,}. Store it elsewhere and "
            "return a reference."
        )
    return text


def encode_json(value: object) -> bytes:
    """The JSON text of a value; raises NotJson."""
    try:
        text = orjson.dumps(value, _encode, orjson.OPT_NON_STR_KEYS)
        # orjson writes NaN as null, so look for NaN only if the text contains a null.
        if b"null" in text and _has_nan(value):
            raise NotJson("contains NaN or Infinity, which JSON cannot represent.")
    except NotJson:
        raise
    except Exception as error:
        # Methods of the handler's classes ran here, and may raise anything.
        raise NotJson(f"cannot be written as JSON: {_reason(error)}") from None
    return text


def _encode(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (set, frozenset)):
        return list(cast(Iterable[Any], value))
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"cannot represent {type(value).__name__} as JSON")


def _has_nan(value: object, depth: int = 0) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, (str, bytes)) or depth > MAX_DEPTH:
        return False
    return any(_has_nan(part, depth + 1) for part in _parts(value))


def _parts(value: object) -> Iterable[object]:
    if isinstance(value, BaseModel):
        return value.model_dump().values()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return cast(Mapping[object, object], value).values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return cast(Iterable[object], value)
    return ()


def _reason(error: Exception) -> str:
    try:
        # orjson wraps the error that `default` raised.
        return printable(str(error.__cause__ or error), MAX_REASON)
    except Exception:
        return type(error).__name__
