"""Reads request bodies strictly: what could not be kept unchanged is refused before anybody sees it."""

import json
import re
from typing import Any

import orjson
from fastapi import Request
from fastapi.routing import APIRoute

from service.api.errors import JsonInvalid, UnsupportedMediaType

MAX_DEPTH = 64
#: Every digit is a 0 and every E an e; a plus sign is left out.
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_LARGEST, _SMALLEST = 2**64 - 1, -(2**63)


def parse(body: bytes) -> Any:
    """JSON as orjson reads it: no NaN, no Infinity, no lone surrogates; raises JsonInvalid.

    Also refused: nesting beyond 64; numbers beyond 64 bits, which would come back as others; and an object
    with a key twice, of which readers take the first or the last as they please.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise JsonInvalid(f"The request body is not valid JSON: {error.msg}.") from None
    # Only bodies that can break a rule are walked.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH:
        _check_depth(document)
    shape = body.translate(_SHAPE, b"+")
    if b"0" * 19 in shape or b"e000" in shape:
        _check_numbers(body)
    _DUPLICATES.decode(body.decode())
    return document


def _check_depth(document: Any) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, (dict, list))
            for child in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    if any(isinstance(value, (dict, list)) for value in level):
        raise JsonInvalid(f"The request body is nested deeper than {MAX_DEPTH} levels.")


_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?', re.DOTALL)


def _check_numbers(body: bytes) -> None:
    for match in _STRING_OR_NUMBER.finditer(body):
        text = match[0]
        if text.startswith(b'"'):
            continue
        if text.lstrip(b"-").isdigit():
            if len(text) > 20 or not _SMALLEST <= int(text) <= _LARGEST:
                raise JsonInvalid("The request body holds an integer beyond 64 bits; send it as a string.")
        elif float(text) in (float("inf"), float("-inf")):
            raise JsonInvalid("The request body holds a number that is too large.")


def _check_keys(members: list[tuple[str, None]]) -> None:
    keys = {key for key, _ in members}
    if len(keys) != len(members):
        raise JsonInvalid("The request body holds an object that has the same key twice.")


#: Reads what orjson has read already, for the keys alone.
_DUPLICATES = json.JSONDecoder(object_pairs_hook=_check_keys, parse_int=len, parse_float=len)


class StrictRequest(Request):
    """A request whose JSON is read by `parse`."""

    async def json(self) -> Any:
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


class StrictRoute(APIRoute):
    """A route that takes application/json alone, read strictly."""

    request_class = StrictRequest

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Any:
            if request.method in ("POST", "PUT", "PATCH"):
                content_type = request.headers.get("content-type", "")
                has_body = (
                    request.headers.get("content-length", "0") != "0"
                    or "transfer-encoding" in request.headers
                )
                if has_body and content_type.split(";")[0].strip().lower() != "application/json":
                    raise UnsupportedMediaType()
                request = self.request_class(request.scope, request.receive)
                # Before FastAPI reads it: it would answer any error of a body in a shape of its own, and take
                # null for no body.
                if has_body and await request.json() is None:
                    raise JsonInvalid("The request body is null: leave it out instead.")
            return await handle(request)

        return strict
