"""Parses JSON strictly: refuses documents that Triage could not return unchanged."""

import json
import re
import reprlib
from collections import Counter
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
        raise invalid_json(body, error) from None
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


def invalid_json(body: bytes, error: orjson.JSONDecodeError) -> JsonInvalid:
    """Says where the error is, and for the most frequent mistakes what to write instead."""
    rest = body.decode(errors="replace")[error.pos : error.pos + 8]
    hint = next((hint for start, hint in _MISTAKES.items() if rest.startswith(start)), "")
    place = f"line {error.lineno}, column {error.colno}"
    return JsonInvalid(f"Invalid JSON in the request body at {place}: {error.msg}{hint and f'; {hint}'}.")


_MISTAKES = {
    "'": "use double quotes",
    "None": "write null",
    "True": "write true",
    "False": "write false",
    "NaN": "JSON has no NaN; write null or a string",
    "Infinity": "JSON has no Infinity; write a string",
    "//": "JSON has no comments",
}


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
        double = next(key for key, count in Counter(key for key, _ in members).items() if count > 1)
        raise duplicate_key(double)


def duplicate_key(key: str) -> JsonInvalid:
    return JsonInvalid(f"The request body has an object with the duplicate key {reprlib.repr(key)}.")


#: Parses again only to check the keys.
_DUPLICATES = json.JSONDecoder(object_pairs_hook=_check_keys, parse_int=len, parse_float=len)
