"""If-Match: change a resource only if it still has the version that the client has read."""

import re
from typing import Annotated

from fastapi import Header

from service.domain.errors import VersionMismatch

IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^(\*|(W/)?"[^"]*"([ \t]*,[ \t]*(W/)?"[^"]*")*)$',
        description="The ETag you read; with several, any may match; `*` matches every version.",
    ),
]
_TAG = re.compile(r'"([^"]*)"')


def guard(if_match: str | None, current: int | None) -> int | None:
    """The version that the change requires, or None for any. Raises VersionMismatch.

    `current` is the version of the resource, or None if it does not exist.
    """
    if if_match is None:
        return None
    if current is None or (if_match != "*" and str(current) not in _TAG.findall(if_match)):
        raise VersionMismatch()
    return None if if_match == "*" else current
