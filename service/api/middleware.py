"""Around every request, as plain ASGI: request and trace ids, body limits, security headers."""

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import structlog

from service import logs, tracing
from service.api.errors import BodyTooLarge
from service.api.problems import of_error, respond
from service.domain import trace_context

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]


#: Characters of a path that a log line shows.
_PATH_SHOWN = 200

log = structlog.get_logger("triage.access")


class RequestIds:
    """X-Request-Id in and out; one that could harm a log or a header is replaced.

    A request that failed is a log line; every request is one at the level debug, because metrics count them.
    """

    def __init__(self, app: App, new_id: Callable[[str], str], clock: Callable[[], float]) -> None:
        self._app = app
        self._new_id = new_id
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers, began, status = dict(scope["headers"]), self._clock(), 500
        given = headers.get(b"x-request-id", b"")
        request_id = given if _REQUEST_ID.fullmatch(given) else self._new_id("req").encode()
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        traceparent = trace_context.parse(headers.get(b"traceparent", b"").decode("latin-1"))
        tracing.CURRENT.set(traceparent)
        ids = {"request_id": request_id.decode()}
        if traceparent is not None:
            ids["trace_id"] = trace_context.trace_id(traceparent) or ""
        logs.IDS.set(ids)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, answer)
        finally:
            write = log.warning if status >= 500 else log.debug
            write(
                "request_failed" if status >= 500 else "request",
                method=scope["method"],
                path=scope["path"][:_PATH_SHOWN],
                status=status,
                seconds=round(self._clock() - began, 4),
            )


class BodyLimits:
    """Refuses bodies over the limit of their path, by Content-Length or by what has come in."""

    def __init__(self, app: App, default: int, by_path: Mapping[str, int]) -> None:
        self._app = app
        self._default = default
        self._by_path = by_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._by_path.get(scope["path"], self._default)
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            return await self._refuse(scope, receive, send, limit)
        received, started = 0, False

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise BodyTooLarge(f"The request body may have {limit} bytes here.")
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, limited, answer)
        except BodyTooLarge:
            if started:
                raise
            await self._refuse(scope, receive, send, limit)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        error = BodyTooLarge(f"The request body may have {limit} bytes here.")
        document = of_error(error, scope["path"], scope.get("state", {}).get("request_id"))
        await respond(document, {"Connection": "close"})(scope, receive, send)  # type: ignore[arg-type]
