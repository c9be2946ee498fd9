"""Checks JSON values: each check returns the value to store, or raises SpecInvalid with its pointer."""

import re
import reprlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, cast

from service.domain.errors import TriageError
from service.domain.similar import did_you_mean

Check = Callable[[Any, str], Any]

#: The largest integer that every JSON reader in Triage keeps exact.
LARGEST_INTEGER = 2**64 - 1
TEN_YEARS = 315_360_000
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
#: The years 1 to 9999: RFC 3339 has no others.
EARLIEST_MS, LATEST_MS = -62_135_596_800_000, 253_402_300_799_000
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


class SpecInvalid(TriageError, ValueError):
    code = "validation_failed"
    default_message = "A value is outside its limits."

    def __init__(self, pointer: str, code: str, message: str) -> None:
        rows = [{"pointer": pointer, "code": code, "message": message}]
        super().__init__(f"{pointer}: {message}" if pointer else message, errors=rows)
        self.pointer, self.reason = pointer, message
        #: The code of the item in `errors`, such as `string_type`; the problem document has `code`.
        self.row_code = code


def refuse(pointer: str, code: str, rule: str, value: object) -> NoReturn:
    raise SpecInvalid(pointer, code, f"{rule}, not {reprlib.repr(value)}")


def join_pointer(root: str, part: str | int) -> str:
    return f"{root}/{str(part).replace('~', '~0').replace('/', '~1')}"


class Text:
    """`pattern` is anchored and also valid in JSON Schema; `rule` describes it in words."""

    def __init__(self, pattern: str, rule: str) -> None:
        self.pattern, self.rule = pattern, rule
        self._matches = re.compile(pattern).fullmatch

    def __call__(self, value: Any, pointer: str) -> str:
        if not isinstance(value, str):
            refuse(pointer, "string_type", "must be a string", value)
        if self._matches(value) is None or not _is_unicode(value):
            refuse(pointer, "string_pattern_mismatch", f"must have {self.rule}", value)
        return value


class Whole:
    def __init__(self, least: int, most: int = LARGEST_INTEGER) -> None:
        self.least, self.most = least, most

    def __call__(self, value: Any, pointer: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            refuse(pointer, "int_type", "must be a whole number", value)
        if not self.least <= value <= self.most:
            refuse(pointer, *_range_error(value, self.least, self.most), value)
        return value


class Number:
    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def __call__(self, value: Any, pointer: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(pointer, "float_type", "must be a number", value)
        if not self.least <= value <= self.most:
            refuse(pointer, *_range_error(value, self.least, self.most), value)
        return value


class Seconds:
    """Converted to milliseconds, at least 1 where 0 is not allowed."""

    def __init__(self, *, positive: bool = False, most: int = TEN_YEARS) -> None:
        self.positive, self.most = positive, most

    def __call__(self, value: Any, pointer: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            refuse(pointer, "float_type", "must be a number of seconds", value)
        if self.positive and not value > 0:
            refuse(pointer, "greater_than", "must be greater than 0", value)
        if not 0 <= value <= self.most:
            refuse(pointer, *_range_error(value, 0, self.most), value)
        return max(round(value * 1000), 1 if self.positive else 0)


class Choice:
    def __init__(self, *words: str) -> None:
        self.words = words

    def __call__(self, value: Any, pointer: str) -> Any:
        if not isinstance(value, str) or value not in self.words:
            refuse(pointer, "literal_error", f"must be {' or '.join(self.words)}", value)
        return value


class Strings:
    """An object of strings."""

    def __init__(self, key: Text, value: Text, most: int) -> None:
        self.key, self.value, self.most = key, value, most

    def __call__(self, value: Any, pointer: str) -> dict[str, str]:
        members = read_object(value, pointer)
        if len(members) > self.most:
            raise SpecInvalid(pointer, "too_long", f"must have at most {self.most} members")
        for name, text in members.items():
            self.key(name, join_pointer(pointer, str(name)))
            self.value(text, join_pointer(pointer, name))
        return dict(members)


def read_object(value: Any, pointer: str) -> Mapping[str, Any]:
    if type(value) is not dict and not isinstance(value, Mapping):
        refuse(pointer, "dict_type", "must be an object", value)
    return cast(Mapping[str, Any], value)


def read_members(
    value: Any, pointer: str, checks: Mapping[str, Check], *, required: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The members of an object, each checked; a name that is not in `checks` is an error."""
    members = read_object(value, pointer)
    found: dict[str, Any] = {}
    for name, member in members.items():
        check = checks.get(name)
        if check is None:
            hint = did_you_mean(str(name), checks) or f"; the fields are {', '.join(checks)}"
            message = f"there is no such field{hint}"
            raise SpecInvalid(join_pointer(pointer, name), "extra_forbidden", message)
        # The names of checks need no escaping.
        found[name] = check(member, f"{pointer}/{name}")
    for name in required:
        if name not in found:
            raise SpecInvalid(join_pointer(pointer, name), "missing", "is missing")
    return found


def nullable(check: Check) -> Check:
    return lambda value, pointer: None if value is None else check(value, pointer)


def parse_time(text: Any) -> datetime:
    """Parse an RFC 3339 time; raises ValueError."""
    if not isinstance(text, str) or not _RFC3339.fullmatch(text):
        raise ValueError("must be a time like 2026-11-27T09:30:00Z")
    return datetime.fromisoformat(text.upper())


def read_time(value: Any, pointer: str) -> int:
    """Unix milliseconds of an RFC 3339 text, or of a datetime with a time zone."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            refuse(pointer, "timezone_aware", "must have a time zone", value)
        return to_ms(value)
    try:
        return to_ms(parse_time(value))
    except ValueError:
        refuse(pointer, "value_error", "must be a time like 2026-11-27T09:30:00Z", value)


def to_ms(time: datetime) -> int:
    """Unix milliseconds, rounded up; with an offset, the time may be outside the years 1 to 9999 of UTC."""
    return min(max(-((_EPOCH - time) // _MILLISECOND), EARLIEST_MS), LATEST_MS)


def _is_unicode(text: str) -> bool:
    """Whether it has no lone surrogates, which only Python accepts."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _range_error(value: float, least: float, most: float) -> tuple[str, str]:
    code = "less_than_equal" if value > most else "greater_than_equal"
    return code, f"must be at least {least}" if most == LARGEST_INTEGER else f"must be from {least} to {most}"
