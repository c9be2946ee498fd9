"""Turns any exception into a failure to store and show; never raises."""

import traceback

from service.domain.outcome import Failure
from service.domain.texts import CUT, without_controls

#: Limits in bytes of UTF-8.
MAX_TYPE, MAX_MESSAGE, MAX_TRACEBACK = 200, 4_096, 16_384
#: The most frames of a traceback: the innermost ones.
MAX_FRAMES = 20


def describe(error: BaseException) -> Failure:
    """A failure within its limits, even if the error's own methods raise."""
    return Failure(_type_name(error), printable(_text(error), MAX_MESSAGE), _traceback(error))


def printable(text: str, limit_bytes: int, *, keep_end: bool = False) -> str:
    """The text as valid UTF-8 without control characters, truncated from either side."""
    cut = text[-limit_bytes:] if keep_end else text[:limit_bytes]
    encoded = without_controls(cut).encode()
    if len(cut) == len(text) and len(encoded) <= limit_bytes:
        return encoded.decode()
    room = limit_bytes - len(CUT.encode())
    if keep_end:
        return CUT + encoded[-room:].decode(errors="ignore")
    return encoded[:room].decode(errors="ignore") + CUT


def _type_name(error: BaseException) -> str:
    try:
        return printable(type(error).__qualname__.rpartition(".")[2], MAX_TYPE)
    except BaseException:
        return "Exception"


def _text(error: BaseException) -> str:
    try:
        # `join` makes a plain str: __str__ may return a subclass with overridden methods.
        return "".join(("", str(error)))
    except BaseException:
        return "(the error could not be described)"


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, error.__traceback__, limit=-MAX_FRAMES)
        return printable("".join(lines), MAX_TRACEBACK, keep_end=True)
    except BaseException:
        return ""
