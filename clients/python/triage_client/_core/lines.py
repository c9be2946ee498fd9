"""Lines and server-sent events from chunks of bytes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


class Lines:
    """Splits at line feeds only: JSON may contain the other line separators of Unicode."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The lines that the chunk completes."""
        first, *others = chunk.split(b"\n")
        self._rest.append(first)
        for part in others:
            yield b"".join(self._rest)
            self._rest = [part]


@dataclass(frozen=True)
class Event:
    name: str
    data: Any
    id: str | None


class EventParser:
    """Reads a stream of server-sent events."""

    def __init__(self, last_id: str | None = None) -> None:
        self._lines = Lines()
        self._data: list[str] = []
        self._name = ""
        self._id = last_id
        #: Of the last complete event, or keep-alive with an id.
        self.last_id = last_id
        #: The pause before a new connection that the stream asks for, in seconds.
        self.retry: float | None = None

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """The events that the chunk completes."""
        for line in self._lines.feed(chunk):
            text = line.removesuffix(b"\r").decode()
            if text:
                self._read(text)
                continue
            self.last_id = self._id
            if self._data or self._name:
                data = "\n".join(self._data)
                event = Event(self._name or "message", json.loads(data) if data else None, self.last_id)
                self._data, self._name = [], ""
                yield event

    def _read(self, line: str) -> None:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "data":
                self._data.append(value)
            case "event":
                self._name = value
            case "id":
                self._id = value
            case "retry" if value.isdecimal():
                self.retry = int(value) / 1000
            case _:
                pass
