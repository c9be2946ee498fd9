"""Times and durations, as people read them."""

import sys
import time
from datetime import UTC, datetime

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"))


def moment(text: str | None) -> str:
    """A time of a list: relative on a terminal, where people read it, and exact in a pipe or a file."""
    if text is None:
        return ""
    return age(text, time.time()) if sys.stdout.isatty() else exact(text)


def exact(text: str | None) -> str:
    """`2026-11-28T17:31:24.512Z` in whole seconds."""
    return "" if text is None else f"{text[:10]} {text[11:19]}Z"


def age(text: str, now: float) -> str:
    """`3m ago` or `in 2h`; `now` is in unix seconds."""
    ago = now - datetime.fromisoformat(text).timestamp()
    passed = "now" if abs(ago) < 1 else duration(round(abs(ago))).partition(" ")[0]
    return passed if passed == "now" else f"{passed} ago" if ago > 0 else f"in {passed}"


def both(text: str | None) -> str:
    """The exact time, and on a terminal how long ago that is."""
    if text is None:
        return ""
    return f"{exact(text)} ({moment(text)})" if sys.stdout.isatty() else exact(text)


def duration(seconds: float) -> str:
    """`850ms`, `2.5s`, `12s`, `3m 20s`, `2h 5m`, `4d 1h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 10:
        return f"{seconds:.2f}".rstrip("0").rstrip(".") + "s"
    left = round(seconds)
    if left < 60:
        return f"{left}s"
    for number, (size, unit) in enumerate(_UNITS):
        if left >= size:
            whole, rest = divmod(left, int(size))
            smaller, small_unit = _UNITS[number + 1] if number + 1 < len(_UNITS) else (1.0, "s")
            part = rest // int(smaller)
            return f"{whole}{unit} {part}{small_unit}" if part else f"{whole}{unit}"
    raise AssertionError("unreachable")


def between(begin: str | None, end: str | None) -> str:
    """The time from one to the other; empty unless both are known."""
    if begin is None or end is None:
        return ""
    passed = datetime.fromisoformat(end).timestamp() - datetime.fromisoformat(begin).timestamp()
    return duration(max(0.0, passed))


def timestamp(text: str, now: float) -> str:
    """An option's time: RFC 3339, or a duration before now such as `90s`, `15m`, `2h` or `7d`.

    Raises ValueError.
    """
    number, unit = text[:-1], text[-1:]
    sizes = {unit: size for size, unit in _UNITS} | {"s": 1.0}
    if unit in sizes and number.replace(".", "", 1).isdecimal():
        found = datetime.fromtimestamp(now - float(number) * sizes[unit], UTC)
    else:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise ValueError("it has no time zone")
    return found.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
