"""Limits on connections outside the application, where uvicorn would wait and buffer without limits."""

from asyncio import TimerHandle, Transport
from typing import Any, cast

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.api.responses.errors import HeadersTooLarge, HttpInvalid, RequestTooSlow
from service.api.responses.problems import STATUS, of_error
from service.domain.errors import TriageError

#: The most bytes of an incomplete head; the middleware limits complete ones.
MAX_HEAD_BYTES = 65_536
#: The most bytes of a body to read after the response, before cutting the connection: many clients read the
#: response only when they have sent everything.
MAX_UNREAD_BYTES = 134_217_728
#: How long after the timeout of a body the connection is closed, in seconds: the 408 goes out first.
_MARGIN = 5.0
#: A client must read this many bytes of a pending response in this many seconds, or its connection is cut. It
#: could otherwise occupy an event stream's place and its buffered data indefinitely.
READ_SECONDS, READ_BYTES = 60.0, 16_384


def send_whole(send: Any, status: int, head: bytes, body: bytes) -> bool:
    """Write a response in one piece; `head` is its header lines, already checked.

    False if only `send` can send it: `send` is not uvicorn's, or the client reads too slowly. uvicorn's two
    messages cost a tenth of a submission's CPU. An extension of the scope would create a reference cycle per
    request.
    """
    cycle = getattr(send, "__self__", None)
    if type(cycle) is not RequestResponseCycle or cycle.flow.write_paused or cycle.response_started:
        return False
    if cycle.disconnected:
        return True
    lines = [b"%b: %b\r\n" % row for row in cycle.default_headers]
    close = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
    cycle.response_started = cycle.response_complete = True
    cycle.transport.write(b"".join([STATUS_LINE[status], *lines, head, close, body]))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


class BoundedProtocol(HttpToolsProtocol):
    """Responds with 400, 408 and 431 as problems and closes; disconnects clients that do not read."""

    #: The timeout of a head, and of a body, in seconds.
    seconds: float = 30.0
    #: When to close the connection, in the loop's time.
    _deadline: float | None = None
    #: It may expire before the deadline or without one: rearming it then costs less than a timer per request.
    _timer: TimerHandle | None = None
    #: The time limit for a head or body that the received data leaves incomplete.
    _pending_seconds = 0.0
    _in_head = False
    _head_bytes = 0
    _unread = 0
    _reading_timer: TimerHandle | None = None
    _unread_response = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._within(self.seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()
        self._stop_timing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._await_reading()

    def resume_writing(self) -> None:
        self._stop_timing()
        super().resume_writing()

    def _await_reading(self) -> None:
        self._unread_response = self.transport.get_write_buffer_size()
        self._reading_timer = self.loop.call_later(READ_SECONDS, self._check_reading)

    def _check_reading(self) -> None:
        if self._unread_response - self.transport.get_write_buffer_size() < READ_BYTES:
            # Closing would wait until the client has read everything.
            self.transport.abort()
        else:
            self._await_reading()

    def _stop_timing(self) -> None:
        if self._reading_timer is not None:
            self._reading_timer.cancel()
            self._reading_timer = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._pending_seconds:
            self._within(self._pending_seconds)
            self._pending_seconds = 0.0
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadersTooLarge())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes, self._unread = True, 0, 0
        self._pending_seconds = self.seconds

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._pending_seconds = self.seconds + _MARGIN
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        cycle = cast(RequestResponseCycle | None, self.cycle)
        if cycle is not None and cycle.response_complete:
            self._unread += len(body)
            if self._unread > MAX_UNREAD_BYTES:
                self.transport.abort()

    def on_response_complete(self) -> None:
        """uvicorn's, without a timer for each response."""
        if self.pipeline or self.transport.is_closing():
            return super().on_response_complete()
        self.server_state.total_requests += 1
        self.flow.resume_reading()
        if self._deadline is None:  # otherwise the rest of the body is pending
            self._within(self.timeout_keep_alive)

    def on_message_complete(self) -> None:
        cycle = cast(RequestResponseCycle | None, self.cycle)
        responded = cycle is not None and cycle.response_complete
        self._pending_seconds, self._deadline = self.timeout_keep_alive if responded else 0.0, None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HttpInvalid(f"{msg.rstrip('.')}."))

    def _within(self, seconds: float) -> None:
        self._deadline = self.loop.time() + seconds
        if self._timer is not None and self._timer.when() > self._deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self.loop.call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._timer = None
        if self._deadline is None:
            return
        if (left := self._deadline - self.loop.time()) > 0:
            self._timer = self.loop.call_later(left, self._expire)
        elif self._in_head:
            self._refuse(RequestTooSlow())
        else:
            self.transport.close()

    def _refuse(self, error: TriageError) -> None:
        """Respond in place of the application, which has no complete request."""
        self._in_head = False
        self._deadline = None
        if self.transport.is_closing():
            return
        cycle = cast(RequestResponseCycle | None, self.cycle)
        if cycle is None or cycle.response_complete or not cycle.response_started:
            body = orjson.dumps(of_error(error, "", None))
            head = [
                STATUS_LINE[STATUS[type(error)]],
                b"content-type: application/problem+json\r\n",
                b"content-length: %d\r\n" % len(body),
                b"connection: close\r\n\r\n",
            ]
            self.transport.write(b"".join([*head, body]))
        self.transport.close()
