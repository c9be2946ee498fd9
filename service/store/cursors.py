"""Encodes and checks cursors, which name a position in a list."""

import base64
import binascii
import re

from service.domain.errors import CursorInvalid
from service.domain.ids import is_id

#: Unix milliseconds in a cursor: Redis would round a longer number.
_TIME = re.compile(r"[0-9]{1,15}")


def encode_cursor(*parts: str | int) -> str:
    return base64.urlsafe_b64encode("|".join(str(part) for part in parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """Raises CursorInvalid for text that encode_cursor did not make."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid() from error
    values = text.split("|")
    if len(values) != parts or encode_cursor(*values) != cursor:
        raise CursorInvalid()
    return values


def decode_place(cursor: str | None, kind: str) -> tuple[str, str]:
    """The position in a list by creation: time and id of the previous item; raises CursorInvalid."""
    if cursor is None:
        return "0", ""
    at, after = decode_cursor(cursor, 2)
    if not _TIME.fullmatch(at) or not is_id(kind, after):
        raise CursorInvalid()
    return at, after
