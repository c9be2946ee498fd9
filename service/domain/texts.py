"""How words of a handler are kept: without control characters, and marked where they were cut."""

import re

#: Where a text was cut: at its end, or at its beginning.
CUT = "…"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def without_controls(text: str) -> str:
    """Each control character and lone surrogate replaced."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
