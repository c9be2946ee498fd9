"""Parses JSON strictly: refuses documents that Triage could not return unchanged."""

import json
import re
from typing import Any

import orjson

from service.api.responses.errors import JsonInvalid

MAX_DEPTH = 64
#: Maps digits to 0 and E to e, to find long numbers quickly.
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)


def _nested(depth: int) -> bytes:
    """A pattern for an array or object of at most `depth` levels. Possessive, so that it never backtracks."""
    flat = rb'[^"\[\]{}]++|"(?:[^"\\]++|\\.)*+"'
    pattern = rb"[\[{](?:" + flat + rb")*+[\]}]"
    for _ in range(depth - 1):
        pattern = rb"[\[{](?:" + flat + rb"|" + pattern + rb")*+[\]}]"
    return pattern


#: Finds the end of an array or object in valid JSON; also matches some invalid JSON.
NESTED = re.compile(_nested(MAX_DEPTH), re.DOTALL)


def parse(body: bytes) -> Any:
    """Parse with orjson, which refuses NaN, Infinity and lone surrogates; raises JsonInvalid.

    Also refuses more than 64 levels of nesting; numbers beyond 64 bits, which would change; and duplicate
    keys, of which some readers take the first and others the last.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise JsonInvalid(f"Invalid JSON in the request body: {error.msg}.") from None
    # Check further only bodies that may break a rule.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and isinstance(document, (dict, list)):
        _check_depth(body)
    shape = body.translate(_SHAPE, b"+")
    if b"0" * 19 in shape or b"e000" in shape:
        _check_numbers(body)
    # Without escapes, parsing keeps the number of colons unless it drops a duplicate member.
    colons = body.count(b":")
    if colons and (b"\\u" in body or colons != orjson.dumps(document).count(b":")):
        _DUPLICATES.decode(body.decode())
    return document


def _check_depth(body: bytes) -> None:
    if NESTED.match(body.lstrip()) is None:
        raise too_deep()


def too_deep() -> JsonInvalid:
    return JsonInvalid(f"The request body exceeds the limit of {MAX_DEPTH} levels of nesting.")


_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)


def _check_numbers(body: bytes) -> None:
    for match in _STRING_OR_NUMBER.finditer(body):
        text = match[0]
        if text.startswith(b'"'):
            continue
        if text.lstrip(b"-").isdigit():
            if len(text) > 20 or not _SMALLEST <= int(text) <= _LARGEST:
                raise JsonInvalid("The request body has an integer beyond 64 bits; send it as a string.")
        elif float(text) in (float("inf"), float("-inf")):
            raise JsonInvalid("The request body has a number that is too large.")


def _check_keys(members: list[tuple[str, None]]) -> None:
    keys = {key for key, _ in members}
    if len(keys) != len(members):
        raise JsonInvalid("The request body has an object with a duplicate key.")


#: Parses again only to check the keys.
_DUPLICATES = json.JSONDecoder(object_pairs_hook=_check_keys, parse_int=len, parse_float=len)
