"""Lists the groups of dead letters, which unsuccessful_ends.lua keeps."""

from collections.abc import Callable
from typing import Literal

from service.domain.dead_letter_group import DeadLetterGroup
from service.domain.errors import CursorInvalid
from service.store.codec.dead_letter_groups import decode_group
from service.store.cursors import decode_cursor, encode_cursor
from service.store.queries import Page
from service.store.redis.scripts import Scripts

Order = Literal["count", "last_seen", "first_seen"]
_ORDERS: dict[Order, Callable[[DeadLetterGroup], int]] = {
    "count": lambda group: group.count,
    "last_seen": lambda group: group.last_seen,
    "first_seen": lambda group: group.first_seen,
}


class DeadLetterGroups:
    """The groups of one namespace; every method raises BackendUnavailable."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    async def list(
        self, queue: str | None, name: str | None, order: Order, limit: int, cursor: str | None
    ) -> Page[DeadLetterGroup]:
        """The largest or latest first."""
        rows = await self._scripts.run("list_dead_groups", [])
        groups = [decode_group(row) for row in rows if row[1]]
        chosen = [
            group
            for group in groups
            if (queue is None or queue in group.queues) and (name is None or group.name == name)
        ]

        def place(group: DeadLetterGroup) -> tuple[int, str]:
            return _ORDERS[order](group), group.fingerprint

        chosen.sort(key=place, reverse=True)
        if cursor is not None:
            before = _decode(cursor)
            chosen = [group for group in chosen if place(group) < before]
        page = chosen[:limit]
        return Page(page, encode_cursor(*place(page[-1])) if len(chosen) > limit else None)


def _decode(cursor: str) -> tuple[int, str]:
    value, fingerprint = decode_cursor(cursor, 2)
    if not value.isdecimal() or len(value) > 15:
        raise CursorInvalid()
    return int(value), fingerprint
