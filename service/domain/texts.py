"""Prepares texts from handlers for storage: removes control characters, and marks cuts."""

import re

#: Marks where a text was cut, after its last or before its first character.
CUT = "…"
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def without_controls(text: str) -> str:
    """Replace control characters and lone surrogates."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
