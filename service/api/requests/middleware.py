"""Wraps every request, as plain ASGI: request and trace ids, security headers, responses to faults."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from time import perf_counter
from typing import Any

import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from service.api.requests.protocol import send_whole
from service.api.responses.errors import ShuttingDown
from service.api.responses.problems import RETRY_AFTER, UNEXPECTED, of_error, problem, respond
from service.api.responses.rendering import JsonResponse
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
_NAMES = frozenset(name.decode() for name, _ in _HEADERS)
_LINES = b"".join([b"%b: %b\r\n" % row for row in _HEADERS])
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
        began = self._clock()
        outgoing = Outgoing(send, begin(scope, dict(scope["headers"]), self._new_id), scope["state"])
        try:
            await self._app(scope, receive, outgoing.send)
        except BaseException as error:
            await outgoing.fail(error, scope, receive)
        finally:
            note(scope, outgoing.status, self._clock() - began)


def begin(scope: Scope, headers: Mapping[bytes, bytes], new_id: Callable[[str], str]) -> bytes:
    """Set the ID of a request in its state and its log lines, and find its trace; returns the ID."""
    given = headers.get(b"x-request-id")
    request_id = given.decode() if given and _REQUEST_ID.fullmatch(given) else new_id("req")
    scope.setdefault("state", {})["request_id"] = request_id
    ids = {"request_id": request_id, "client": logs.client_address(scope)}
    traceparent = headers.get(b"traceparent")
    parent = None if traceparent is None else trace_context.parse(traceparent.decode("latin-1"))
    if parent is not None:
        ids["trace_id"] = trace_context.trace_id(parent) or ""
    spans.CURRENT.set(parent)
    logs.IDS.set(ids)
    return request_id.encode()


def note(scope: Scope, status: int, seconds: float) -> None:
    """Log a request after its response."""
    if status < 500 and not logs.shows_debug():
        return  # saves composing the line
    write = log.warning if status >= 500 else log.debug
    write(
        "request_failed" if status >= 500 else "request",
        method=scope["method"],
        path=scope["path"][:_PATH_SHOWN],
        status=status,
        seconds=round(seconds, 4),
    )


class Outgoing:
    """Sends the response to a request, with the headers that every response has."""

    def __init__(self, send: Send, request_id: bytes, state: Mapping[str, Any]) -> None:
        """`state` of the request may get the lines of its RateLimit headers."""
        self._send = send
        self._state = state
        self._request_id = request_id
        self.started = False
        #: When the response started, by perf_counter.
        self.started_at = 0.0
        #: Bytes of the body, as its header says.
        self.size = 0
        #: As logs and metrics show it.
        self.status = 500

    async def respond(self, response: Response, scope: Scope, receive: Receive) -> None:
        """Send a complete response, in one piece if the server can."""
        head = self._head(response) if isinstance(response, JsonResponse) else None
        if head is not None and send_whole(self._send, response.status_code, head, bytes(response.body)):
            self.started, self.status, self.started_at = True, response.status_code, perf_counter()
            self.size = len(response.body)
        else:
            await response(scope, receive, self.send)  # type: ignore[arg-type]

    def _head(self, response: JsonResponse) -> bytes | None:
        """The header lines; None if `send` must check the headers."""
        lines: list[str] = []
        for name, value in response.given_headers.items():
            if name.lower() in _NAMES or not value.isprintable():
                return None
            lines.append(f"{name.lower()}: {value}\r\n")
        if rate_limit := self._state.get("rate_limit"):
            lines.append(rate_limit.lower())
        lines.append(f"content-length: {len(response.body)}\r\ncontent-type: application/json\r\n")
        lines.append(f"x-request-id: {self._request_id.decode()}\r\n")
        return "".join(lines).encode("latin-1") + _LINES

    async def send(self, message: Message) -> None:
        self.started = True
        if message["type"] == "http.response.start":
            self.status, self.started_at = message["status"], perf_counter()
            said = dict(message["headers"])
            self.size = int(said.get(b"content-length", 0))
            added = [row for row in _HEADERS if row[0] not in said]
            for line in (self._state.get("rate_limit") or "").splitlines():
                name, _, value = line.partition(": ")
                added.append((name.lower().encode(), value.encode()))
            message["headers"] = [*message["headers"], (b"x-request-id", self._request_id), *added]
        await self._send(message)

    async def fail(self, error: BaseException, scope: Scope, receive: Receive) -> None:
        """Respond to an error that no handler of the application has caught, or raise it after the start.

        Not in an exception handler of the application, whose response would bypass this class.
        """
        if isinstance(error, ClientDisconnect):
            self.status = 499  # in the middle of its request, so there is no response to send
            return
        request_id, headers = self._request_id.decode(), dict[str, str]()
        if isinstance(error, asyncio.CancelledError):
            # The server cancels requests at the end of its shutdown, and would respond with its own text.
            document = of_error(for_client(ShuttingDown(), scope), scope["path"], request_id)
            headers = {"Retry-After": RETRY_AFTER, "Connection": "close"}
        elif isinstance(error, Exception):
            _log_fault.error("unexpected_error", path=scope["path"][:_PATH_SHOWN], exc_info=error)
            document = problem(500, "internal_error", UNEXPECTED, scope["path"], request_id)
        else:
            raise error
        if self.started:
            raise error
        await respond(document, headers)(scope, receive, self.send)  # type: ignore[arg-type]
