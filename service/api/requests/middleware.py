"""Wraps every request, as plain ASGI: request and trace ids, security headers, responses to faults."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import structlog
from starlette.requests import ClientDisconnect

from service.api.responses.errors import ShuttingDown
from service.api.responses.problems import RETRY_AFTER, UNEXPECTED, of_error, problem, respond
from service.api.responses.retryability import for_client
from service.domain import trace_context
from service.telemetry import logs, spans

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
#: Default headers; a route that serves HTML pages sets its own.
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
#: The most characters of a path in a log line.
_PATH_SHOWN = 200

log = structlog.get_logger("triage.access")
_log_fault = structlog.get_logger("triage.api")


class RequestIds:
    """Gives every response an X-Request-Id; replaces one that could corrupt a log or a header.

    Logs failed requests, and at the level debug all requests, since metrics count them anyway.
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
        spans.CURRENT.set(traceparent)
        ids = {"request_id": request_id.decode(), "client": logs.client_address(scope)}
        if traceparent is not None:
            ids["trace_id"] = trace_context.trace_id(traceparent) or ""
        logs.IDS.set(ids)

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started, status
            started = True
            if message["type"] == "http.response.start":
                status = message["status"]
                said = {name for name, _ in message["headers"]}
                added = [row for row in _HEADERS if row[0] not in said]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *added]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = 499  # in the middle of its request, so there is no response to send
        except asyncio.CancelledError:
            # The server cancels requests at the end of its shutdown, and would respond with its own text.
            if started:
                raise
            document = of_error(for_client(ShuttingDown(), scope), scope["path"], request_id.decode())
            headers = {"Retry-After": RETRY_AFTER, "Connection": "close"}
            await respond(document, headers)(scope, receive, send_with_headers)  # type: ignore[arg-type]
        except Exception as error:
            # Not in an exception handler of the application, whose response would bypass this middleware.
            _log_fault.error("unexpected_error", path=scope["path"][:_PATH_SHOWN], exc_info=error)
            if started:
                raise
            document = problem(500, "internal_error", UNEXPECTED, scope["path"], request_id.decode())
            await respond(document)(scope, receive, send_with_headers)  # type: ignore[arg-type]
        finally:
            write = log.warning if status >= 500 else log.debug
            write(
                "request_failed" if status >= 500 else "request",
                method=scope["method"],
                path=scope["path"][:_PATH_SHOWN],
                status=status,
                seconds=round(self._clock() - began, 4),
            )
