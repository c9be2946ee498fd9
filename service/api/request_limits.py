"""Refuses heads and bodies that are too large, or too slow to come in, as plain ASGI."""

import asyncio
import re
from collections.abc import Mapping

from service.api.errors import BodyTooLarge, HeadersTooLarge, RequestTooSlow
from service.api.middleware import App, Message, Receive, Scope, Send
from service.api.problems import of_error, respond
from service.domain.errors import TriageError

MAX_HEADERS, MAX_HEAD_BYTES = 100, 16_384


class HeaderLimits:
    """Refuses a head that is too large: 16 KiB with the address, 100 headers."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            size = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
            size += sum(len(name) + len(value) + 4 for name, value in scope["headers"])
            if size > MAX_HEAD_BYTES or len(scope["headers"]) > MAX_HEADERS:
                return await _refuse(HeadersTooLarge(), scope, receive, send)
        await self._app(scope, receive, send)


class BodyLimits:
    """Refuses bodies over the limit of their path, by Content-Length or by what came in, and slow ones.

    `by_path` maps patterns of whole paths to the bytes that they may have.
    """

    def __init__(self, app: App, default: int, by_path: Mapping[str, int], seconds: float) -> None:
        self._app = app
        self._default = default
        self._by_path = [(re.compile(pattern), limit) for pattern, limit in by_path.items()]
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        limit = self._limit(scope["path"])
        large = BodyTooLarge(f"The request body may have {limit} bytes here.")
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > limit:
            return await _refuse(large, scope, receive, send)
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        received, complete, refused, started = 0, False, False, False

        async def limited() -> Message:
            nonlocal received, complete, deadline, refused
            if complete:
                return await receive()
            if deadline is None:
                deadline = loop.time() + self._seconds
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                refused = True
                raise RequestTooSlow() from None
            received += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if received > limit:
                refused = True
                raise large
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            if refused and message["type"] == "http.response.start":
                # The rest of the body is not waited for.
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        try:
            await self._app(scope, limited, answer)
        except (BodyTooLarge, RequestTooSlow) as error:
            if started:
                raise
            await _refuse(error, scope, receive, send)

    def _limit(self, path: str) -> int:
        limits = (limit for pattern, limit in self._by_path if pattern.fullmatch(path))
        return next(limits, self._default)


async def _refuse(error: TriageError, scope: Scope, receive: Receive, send: Send) -> None:
    document = of_error(error, scope["path"], scope.get("state", {}).get("request_id"))
    await respond(document, {"Connection": "close"})(scope, receive, send)  # type: ignore[arg-type]
