"""Checks payloads against the schemas of handlers in bounded time, without blocking other requests.

Schemas come from workers and are not trusted: the library would compare the items of a set in quadratic time,
let patterns backtrack, and fetch references from any URL. The handler validates its payload again, so this
skips checks that would take more than linear time.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from typing import Any, cast

import structlog
from jsonschema import Draft202012Validator
from jsonschema import ValidationError as SchemaError
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from pydantic_core import ValidationError as PatternMismatch
from referencing import Registry

from service.domain import pattern_cost
from service.domain.similar import did_you_mean

#: The most rows of errors in a response.
MAX_ROWS = 100
#: The most unknown properties of an object to name.
MAX_UNKNOWN = 10
#: The most keywords to evaluate in the event loop (a few milliseconds), and in total (a second of a thread).
QUICK_STEPS, MOST_STEPS = 100, 100_000
#: The most values in a payload that is checked in the event loop: copying more takes milliseconds as well.
QUICK_VALUES = 500
#: The most states of a pattern: neither its compilation nor a match releases the interpreter.
MOST_STATES = 2_000
#: The most states times characters of one match, some milliseconds, and how many of them count as a step.
MOST_MATCHING, MATCHING_PER_STEP = 2_000_000, 2_000
#: Longer texts are not quoted in messages, which the library composes and `_message` drops.
_LONG = 64

_Keyword = Callable[[Any, Any, Any, Mapping[str, Any]], Iterator[SchemaError] | None]
log = structlog.get_logger("triage.types")


class TooComplex(Exception):
    """The check has reached its limit of steps."""


class _Budget(threading.local):
    steps = 0


_budget = _Budget()
_threads = ThreadPoolExecutor(2, thread_name_prefix="payloads")


class PayloadSchema:
    """A compiled schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = _Linear(_quiet(schema), registry=Registry())

    async def errors(self, payload: Any) -> list[dict[str, str]]:
        """A row per problem, with a pointer relative to the payload. Checks large payloads in a thread."""
        if not _has_many_values(payload):
            with contextlib.suppress(TooComplex):
                return self._check(payload, QUICK_STEPS)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(_threads, self._check, payload, MOST_STEPS)
        except TooComplex:
            message = f"is too complex to check (over {MOST_STEPS} steps)"
            return [{"pointer": "", "code": "too_complex", "message": message}]

    def _check(self, payload: Any, steps: int) -> list[dict[str, str]]:
        _budget.steps = steps
        try:
            errors = list(islice(self._validator.iter_errors(_quiet(payload)), MAX_ROWS))
        except TooComplex:
            raise
        except RecursionError:
            raise TooComplex from None
        except Exception as error:
            # The schema is at fault, since the payload is JSON.
            log.warning("payload_schema_unusable", error=type(error).__name__)
            return []
        return [
            {
                "pointer": "".join(f"/{_escaped(part)}" for part in error.absolute_path),
                "code": str(error.validator),
                "message": _message(error),
            }
            for error in errors
        ]


def _has_many_values(payload: Any) -> bool:
    waiting, seen = [payload], 0
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            children = cast(dict[str, Any], value).values()
        elif isinstance(value, list):
            children = cast(list[Any], value)
        else:
            continue
        seen += len(children)
        if seen > QUICK_VALUES:
            return True
        waiting += children
    return False


class _Object(dict[str, Any]):
    def __repr__(self) -> str:
        return "{}"


class _Array(list[Any]):
    def __repr__(self) -> str:
        return "[]"


class _Text(str):
    __slots__ = ()

    def __repr__(self) -> str:
        return "''"


def _quiet(value: Any) -> Any:
    """The same value, cheap to quote: the library quotes it in the message of each alternative that fails."""
    if isinstance(value, str):
        return _Text(value) if len(value) > _LONG else value
    if isinstance(value, Mapping):
        members = cast(Mapping[str, Any], value).items()
        return _Object((_quiet(name), _quiet(member)) for name, member in members)
    if isinstance(value, list):
        return _Array(_quiet(item) for item in cast(list[Any], value))
    return value


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _message(error: SchemaError) -> str:
    """The requirement of the schema; the library's message would quote the payload."""
    wanted = cast(Any, error.validator_value)
    if error.validator == "required":
        missing = [name for name in wanted if name not in cast(Mapping[str, Any], error.instance)]
        return f"lacks the required property {', '.join(missing)}"[:500]
    if error.validator == "additionalProperties":
        known = cast(Mapping[str, Any], error.schema).get("properties", {})
        return f"is not a property of this job type{did_you_mean(str(error.path[-1]), known)}"
    if isinstance(wanted, (str, int, float, list)):
        return f"must match {error.validator}: {wanted}"[:500]
    return f"must match {error.validator}"


def _counted(keyword: _Keyword) -> _Keyword:
    def check(validator: Any, value: Any, instance: Any, schema: Mapping[str, Any]) -> Any:
        # A keyword may go through the whole of its value, such as a list of types.
        _spend(1 + (len(cast(Any, value)) // 512 if isinstance(value, (list, dict)) else 0))
        return keyword(validator, value, instance, schema)

    return check


def _spend(steps: int) -> None:
    _budget.steps -= steps
    if _budget.steps < 0:
        raise TooComplex


states = lru_cache(maxsize=4096)(pattern_cost.states)


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> SchemaValidator | None:
    """Compile with pydantic's engine, which never backtracks; None if it cannot, or not in time."""
    if states(pattern) > MOST_STATES:
        return None
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern))
    except PatternError:
        return None


def _matches(pattern: str, text: str) -> bool:
    work = states(pattern) * len(text)
    engine = _pattern(pattern) if work <= MOST_MATCHING else None
    if engine is None:
        return True
    _spend(work // MATCHING_PER_STEP)
    try:
        engine.validate_python(text)
    except PatternMismatch:
        return False
    return True


def _check_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[SchemaError]:
    if isinstance(instance, str) and not _matches(pattern, instance):
        yield SchemaError("does not match")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], instance: Any, _schema: Any
) -> Iterator[SchemaError]:
    if not isinstance(instance, dict):
        return
    for pattern, subschema in patterns.items():
        for name, value in cast(dict[str, Any], instance).items():
            _spend(1)
            if _pattern(pattern) is not None and _matches(pattern, name):
                yield from validator.descend(value, subschema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, allowed: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[SchemaError]:
    if not isinstance(instance, dict):
        return
    named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    unknown = 0
    for name, value in cast(dict[str, Any], instance).items():
        _spend(1 + len(patterns))
        if name in named or any(_matches(pattern, name) for pattern in patterns):
            continue
        if isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)
        elif not allowed:
            yield SchemaError("is not an allowed property", path=(name,))
            unknown += 1
            if unknown == MAX_UNKNOWN:
                return


def _unique_items(_validator: Any, unique: Any, instance: Any, _schema: Any) -> Iterator[SchemaError]:
    if not unique or not isinstance(instance, list):
        return
    seen: set[Any] = set()
    for item in cast(list[Any], instance):
        frozen = _frozen(item)
        if frozen in seen:
            yield SchemaError("has duplicate items")
            return
        seen.add(frozen)


def _frozen(value: Any) -> Any:
    """A hashable value with JSON Schema's equality: 1 is 1.0 but not true. Text hashes are unpredictable."""
    _spend(1)
    if isinstance(value, list):
        return ("list", *(_frozen(item) for item in cast(list[Any], value)))
    if isinstance(value, dict):
        return frozenset((name, _frozen(item)) for name, item in cast(dict[str, Any], value).items())
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{'number' if isinstance(value, float) else type(value).__name__} {value}"


def _enum(_validator: Any, choices: list[Any], instance: Any, _schema: Any) -> Iterator[SchemaError]:
    if isinstance(instance, str):
        _spend(len(choices) // 256)
        found = instance in choices
    else:
        _spend(len(choices))
        found = _frozen(instance) in {_frozen(choice) for choice in choices}
    if not found:
        yield SchemaError("matches none of the alternatives")


_Linear: Any = extend(
    Draft202012Validator,
    {
        **{name: _counted(keyword) for name, keyword in Draft202012Validator.VALIDATORS.items()},  # type: ignore[attr-defined]
        "pattern": _counted(_check_pattern),
        "patternProperties": _counted(_pattern_properties),
        "additionalProperties": _counted(_additional_properties),
        "enum": _counted(_enum),
        "uniqueItems": _counted(_unique_items),
        # These would check all nested values again, with patterns that backtrack.
        "unevaluatedItems": None,
        "unevaluatedProperties": None,
    },
)
