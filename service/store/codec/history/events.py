"""Entries of the log of changes, as event_log.lua writes them."""

import re

from service.domain.event import Event, EventObject, Gap, Position
from service.store.codec.traits import decode_traits

_POSITION = re.compile(r"([0-9]{1,16})-([0-9]{1,4})")
_KINDS: dict[str, EventObject] = {"job": "job", "flow": "flow", "fan": "fan_out"}
#: The line of an entry before which nothing was recorded for a while.
_GAP = "gap"


def decode_entry(entry: bytes) -> list[tuple[Position, Event | Gap]]:
    first, *lines = entry.decode().split("\n")
    id = int(first)
    return [
        (Position(id, place), Gap("not_recorded") if line == _GAP else _event(line, id // 1000))
        for place, line in enumerate(lines)
    ]


def _event(line: str, at: int) -> Event:
    id, version, state, reason, rest = line.split("|", 4)
    if id == "queue":
        return Event(at, "queue", rest, None, state, None, rest, None, None)
    kind = _KINDS[id.partition("_")[0]]
    if kind == "flow":
        return Event(at, kind, id, int(version), state, None, None, rest.removeprefix("|"), None)
    traits = decode_traits(rest.encode())
    group = traits.group if kind == "job" else None
    return Event(at, kind, id, int(version), state, reason or None, traits.queue, traits.name, group)


def parse_position(text: str | None) -> Position | None:
    """None for a text that no stream sent."""
    found = _POSITION.fullmatch(text or "")
    return None if found is None else Position(int(found[1]), int(found[2]))
