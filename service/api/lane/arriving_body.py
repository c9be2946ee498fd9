"""The body of a request, which the application can read again."""

import asyncio

from service.api.lane.hot_operation import NotOrdinary
from service.api.requests.body_budget import Held
from service.api.requests.middleware import Message, Receive
from service.api.time_slices import TimeSlices


class ArrivingBody:
    """Reads a body once; after that, `replay` returns the same messages and the rest of them."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._body: bytes | bytearray | None = bytearray()
        self._more = True
        self._late = self._gone = False

    async def read(self, limit: int, seconds: float, held: Held) -> bytes | bytearray:
        """Raises TooManyBodies, and NotOrdinary if the body is slow, incomplete or over the limit."""
        self._body = body = b"" if (first := self._next()) is None else self._chunk(first)
        held.take(len(body))
        if self._more:
            self._body = body = bytearray(body)
            slices = TimeSlices()
            try:
                async with asyncio.timeout(seconds):
                    while self._more:
                        chunk = self._chunk(await self._receive())
                        # Grown in place: joined chunks would for a moment be there twice.
                        body += chunk
                        if len(body) > limit:
                            raise NotOrdinary
                        held.take(len(chunk))
                        # Meanwhile, the server receives no more of it.
                        await slices.pause()
            except TimeoutError:
                self._late = True
                raise NotOrdinary from None
        return body

    async def replay(self) -> Message:
        if self._gone:
            return {"type": "http.disconnect"}
        if self._body is not None:
            body, self._body = self._body, None
            # Not copied into bytes, which takes milliseconds for the largest body.
            return {"type": "http.request", "body": body, "more_body": self._more}
        if self._late:
            raise TimeoutError  # as if the application had waited for the body
        return await self._receive()

    def _next(self) -> Message | None:
        """A message that has already arrived: most bodies come with their head, and waiting costs a timer."""
        waiting = self._receive()
        try:
            waiting.send(None)  # type: ignore[attr-defined]
        except StopIteration as done:
            return done.value
        waiting.close()  # type: ignore[attr-defined]
        return None

    def _chunk(self, message: Message) -> bytes:
        if message["type"] != "http.request":
            self._gone = True
            raise NotOrdinary
        self._more = message.get("more_body", False)
        return message.get("body", b"")
