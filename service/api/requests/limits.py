"""Refuses request heads and bodies that are too large or arrive too slowly."""

import asyncio

from fastapi import Request
from starlette.requests import ClientDisconnect

from service.api.requests.body_budget import Held
from service.api.requests.middleware import App, Receive, Scope, Send
from service.api.requests.streamed_items import MANY
from service.api.responses.errors import BodyTooLarge, HeadersTooLarge, RequestTooSlow
from service.api.responses.problems import of_error, respond
from service.api.time_slices import TimeSlices
from service.domain.errors import TriageError
from service.settings import Settings

MAX_HEADERS, MAX_HEAD_BYTES = 100, 16_384

#: The bytes that a body may have in addition to its payload.
_BESIDE = 65_536
#: The most bytes of JSON per byte of a payload: "\u00e9" has six, for a character of two bytes.
_ESCAPED = 3
#: Operations whose body has a payload or something of that size.
_ONE = {"create_job", "retry_job", "retry_dead_letter", "put_schedule", "update_queue"}


class HeaderLimits:
    """Plain ASGI. Refuses a head over 16 KiB, including the URL, or over 100 headers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
            size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            if size > MAX_HEAD_BYTES or len(scope["headers"]) > MAX_HEADERS:
                return await _refuse(HeadersTooLarge(), scope, receive, send)
        await self._app(scope, receive, send)


def one_job(settings: Settings) -> int:
    """The limit of one job, in bytes of JSON."""
    return _ESCAPED * settings.max_payload_bytes + _BESIDE


def largest_body(settings: Settings) -> int:
    return max(settings.max_body_bytes, one_job(settings))


def body_limit(operation: str, settings: Settings) -> int:
    """The limit of an operation's body, in bytes."""
    if operation in MANY:
        return largest_body(settings)
    return one_job(settings) if operation in _ONE else _BESIDE


async def read_body(request: Request, limit: int, seconds: float, held: Held) -> bytearray:
    """Raises BodyTooLarge (by Content-Length or by the bytes received), RequestTooSlow or TooManyBodies."""
    large = BodyTooLarge(f"The request body exceeds the limit of {limit:,} bytes for this operation.")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        raise large
    # Grown in place: joining chunks would briefly hold them twice.
    body, slices = bytearray(), TimeSlices()
    try:
        async with asyncio.timeout(seconds):
            more = True
            while more:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect()
                chunk = message.get("body", b"")
                if len(body) + len(chunk) > limit:
                    raise large
                held.take(len(chunk))
                body += chunk
                more = message.get("more_body", False)
                await slices.pause()
    except TimeoutError:
        raise RequestTooSlow() from None
    return body


async def _refuse(error: TriageError, scope: Scope, receive: Receive, send: Send) -> None:
    document = of_error(error, scope["path"], scope.get("state", {}).get("request_id"))
    await respond(document, {"Connection": "close"})(scope, receive, send)  # type: ignore[arg-type]
