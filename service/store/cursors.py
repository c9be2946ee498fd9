"""Cursors: a place in a list, whatever has been done to it on its way."""

import base64
import binascii
import re

from service.domain.errors import CursorInvalid
from service.domain.ids import is_id

#: Unix milliseconds, as a cursor may have them: Redis reads a longer number as another one.
_TIME = re.compile(r"[0-9]{1,15}")


def encode_cursor(*parts: str | int) -> str:
    return base64.urlsafe_b64encode("|".join(str(part) for part in parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, parts: int) -> list[str]:
    """Raises CursorInvalid for anything that encode_cursor did not make."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise CursorInvalid() from error
    values = text.split("|")
    if len(values) != parts or encode_cursor(*values) != cursor:
        raise CursorInvalid()
    return values


def decode_place(cursor: str | None, kind: str) -> tuple[str, str]:
    """The place in a list by creation: time and id of what came before; raises CursorInvalid."""
    if cursor is None:
        return "0", ""
    at, after = decode_cursor(cursor, 2)
    if not _TIME.fullmatch(at) or not is_id(kind, after):
        raise CursorInvalid()
    return at, after
