"""Reads bodies with many items: parses the envelope at once, and leaves the items as text to parse later.

No step takes longer than one item of the largest size, so that neither reading nor refusing a body delays the
process's other requests.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.api.requests.strict_json import NESTED, duplicate_key, parse
from service.api.responses.errors import BodyTooLarge, JsonInvalid, ValidationFailed
from service.api.schemas.fan_outs import MAX_CHUNK
from service.api.schemas.jobs import MAX_BULK
from service.api.schemas.parts.raw_items import RawItems
from service.api.time_slices import TimeSlices
from service.domain.errors import TriageError
from service.domain.fan_out import MAX_ITEMS
from service.domain.flow import MAX_JOBS, FlowInvalid


def _too_long(member: str, most: int) -> TriageError:
    message = f"List should have at most {most} items"
    return ValidationFailed(errors=[{"pointer": f"/{member}", "code": "too_long", "message": message}])


def _too_many_jobs(member: str, most: int) -> TriageError:
    return FlowInvalid(f"/{member}", "too_many_jobs", f"the limit is {most:,} jobs per flow")


@dataclass(frozen=True, slots=True)
class Many:
    """The member of a body that has many items, its limit, and the error for more.

    `extra_bytes` is how much larger than a job an item may be.
    """

    member: str
    most: int
    opening: bytes = b"["
    extra_bytes: int = 0
    refuse: Callable[[str, int], TriageError] = field(default=_too_long)


#: By operation name.
MANY: Mapping[str, Many] = {
    "create_jobs": Many("jobs", MAX_BULK),
    "create_flow": Many("jobs", MAX_JOBS, b"{", MAX_JOBS * 160, _too_many_jobs),
    "create_fan_out": Many("items", MAX_ITEMS),
    "add_fan_out_items": Many("items", MAX_CHUNK),
}
#: The edges of a flow's job, at most one per job.
EDGES = Many("depends_on", MAX_JOBS)

#: The most consecutive bytes of white space.
_MAX_SPACE = 65_536
_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'"(?:[^"\\]++|\\.)*+"'
_VALUE = rb"(" + NESTED.pattern + rb"|" + _STRING + rb'|[^"\[\]{},: \t\n\r]++)'
_KEY = rb"(" + _STRING + rb")" + _SPACE + rb":" + _SPACE
_END = _SPACE + rb"([,\]}])"
_SKIP = re.compile(_SPACE)
_MEMBER_KEY = re.compile(_SPACE + _KEY, re.DOTALL)
_MEMBER = re.compile(_SPACE + _KEY + _VALUE + _END, re.DOTALL)
_ITEM = re.compile(_SPACE + _VALUE + _END, re.DOTALL)
#: The same without the delimiter, to tell whether a value is too large or followed by something else.
_BEGINNING = {
    _ITEM: re.compile(_SPACE + _VALUE, re.DOTALL),
    _MEMBER: re.compile(_SPACE + _KEY + _VALUE, re.DOTALL),
    _MEMBER_KEY: re.compile(_SPACE + _STRING, re.DOTALL),
}
#: Items, or their bytes, per check of the clock.
_ITEMS_PER_CHECK, _BYTES_PER_CHECK = 64, 65_536


async def open_envelope(body: bytes | bytearray, many: Many, job_bytes: int) -> Any:
    """The document, with its many items as RawItems if that member has the right type.

    The rest may be as large as two jobs. Raises JsonInvalid, BodyTooLarge, and the error of `many` for too
    many items. Does not parse items, so they may be invalid JSON.
    """
    return await _Reader(body, many, job_bytes).read()


async def read_document(body: bytes | bytearray, operation: str, job_bytes: int) -> Any:
    """The JSON of a body; if the operation takes many items, they are not parsed yet.

    Raises JsonInvalid, and what open_envelope raises.
    """
    many = MANY.get(operation)
    document = parse(bytes(body)) if many is None else await open_envelope(body, many, job_bytes)
    if document is None:
        raise JsonInvalid("The request body must not be null; omit it instead.")
    return document


class _Reader:
    def __init__(self, body: bytes | bytearray, many: Many, job_bytes: int) -> None:
        self._body = body
        self._many = many
        self._item_bytes = job_bytes + many.extra_bytes
        self._rest_bytes = 2 * job_bytes
        self._slices = TimeSlices()

    async def read(self) -> Any:
        body, start, end, items = self._body, 0, 0, None
        at = self._skip(0)
        if self._byte(at) == b"{" and self._byte(self._skip(at + 1)) != b"}":
            closed, at = b",", at + 1
            while closed == b",":
                key = self._match(_MEMBER_KEY, at, self._rest_bytes)
                # A second one stays in the envelope, which `parse` then refuses for its duplicate key.
                if items is None and self._byte(key.end()) == self._many.opening and self._names_many(key[1]):
                    start = key.end()
                    items, end = await self._items(start)
                    at = self._skip(end)
                    closed, at = self._byte(at), at + 1
                else:
                    member = self._match(_MEMBER, at, self._rest_bytes)
                    closed, at = member[3], member.end()
        if len(body) - (end - start) > self._rest_bytes:
            raise BodyTooLarge(
                f"The limit for the request body without its items is {self._rest_bytes:,} bytes."
            )
        if items is None:
            return parse(bytes(body))
        # The envelope must obey the rules for all bodies; a placeholder replaces the items.
        document = parse(b"".join((body[:start], b"0", body[end:])))
        return document | {self._many.member: items}

    def _names_many(self, key: bytes) -> bool:
        try:
            return orjson.loads(key) == self._many.member
        except orjson.JSONDecodeError:
            return False

    async def _items(self, at: int) -> tuple[RawItems, int]:
        """The items of the array or object that begins at `at`, and the position after it."""
        items = RawItems(self._body)
        opening = self._many.opening
        closing, pattern = (b"]", _ITEM) if opening == b"[" else (b"}", _MEMBER)
        at += 1
        if self._byte(self._skip(at)) == closing:
            return items, self._skip(at) + 1
        closed, value, checked = b",", pattern.groups - 1, at
        while closed == b",":
            if len(items) == self._many.most:
                raise self._many.refuse(self._many.member, self._many.most)
            found = self._match(pattern, at, self._item_bytes)
            if opening == b"{":
                self._add_key(items, found[1])
            items.append(*found.span(value))
            closed, at = found[value + 1], found.end()
            if len(items) % _ITEMS_PER_CHECK == 0 or at - checked > _BYTES_PER_CHECK:
                await self._slices.pause()
                checked = at
        if closed != closing:
            raise self._invalid(at)
        return items, at

    def _add_key(self, items: RawItems, text: bytes) -> None:
        key = parse(text)
        if key in items.keys:
            raise duplicate_key(key)
        items.keys[key] = None

    def _byte(self, at: int) -> bytes:
        return bytes(self._body[at : at + 1])

    def _skip(self, at: int) -> int:
        found = _SKIP.match(self._body, at, at + _MAX_SPACE)
        return at if found is None else found.end()

    def _match(self, pattern: re.Pattern[bytes], at: int, most: int) -> re.Match[bytes]:
        end = at + most + _MAX_SPACE
        found = pattern.match(self._body, at, end)
        if found is not None:
            return found
        beginning = _BEGINNING[pattern].match(self._body, at, end)
        if len(self._body) - at > most and (beginning is None or beginning.end() >= end):
            raise BodyTooLarge(
                f"The limits for each item of the request body are {most:,} bytes and 64 levels of nesting."
            )
        raise self._invalid(at)

    def _invalid(self, at: int) -> JsonInvalid:
        if len(self._body) <= self._rest_bytes:
            parse(bytes(self._body))  # has better error messages
        return JsonInvalid(f"The request body is invalid JSON, or nested too deeply, near byte {at}.")
