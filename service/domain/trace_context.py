"""Parses the header of W3C Trace Context, `traceparent`."""

import re

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


def parse(header: str | None) -> str | None:
    """The header as version 00; None for one to ignore, according to the standard."""
    found = _TRACEPARENT.fullmatch(header or "")
    if found is None:
        return None
    version, trace, parent, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace.strip("0") or not parent.strip("0"):
        return None
    return f"00-{trace}-{parent}-{flags}"


def trace_id(traceparent: str | None) -> str | None:
    """The trace id in a header that `parse` has returned."""
    return None if traceparent is None else traceparent.split("-")[1]
