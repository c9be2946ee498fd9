"""Lists the groups of dead letters, which unsuccessful_ends.lua keeps."""

from collections.abc import Callable, Iterable
from typing import Literal

from service.domain.dead_letter_group import DeadLetterGroup
from service.domain.errors import CursorInvalid
from service.store.codec.history.dead_letter_groups import decode_group
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

    async def all(self, queue: str | None = None, name: str | None = None) -> list[DeadLetterGroup]:
        """The groups with jobs of a queue or job type, or all of them: a few hundred at most."""
        rows = await self._scripts.run("list_dead_groups", [])
        return [
            group
            for group in (decode_group(row) for row in rows if row[1])
            if (queue is None or queue in group.queues) and (name is None or group.name == name)
        ]


def page_of(
    groups: Iterable[DeadLetterGroup], order: Order, limit: int, cursor: str | None
) -> Page[DeadLetterGroup]:
    """A page of these groups, the largest or latest first."""

    def place(group: DeadLetterGroup) -> tuple[int, str]:
        return _ORDERS[order](group), group.fingerprint

    before = None if cursor is None else _decode(cursor)
    rest = [group for group in groups if before is None or place(group) < before]
    rest.sort(key=place, reverse=True)
    page = rest[:limit]
    return Page(page, encode_cursor(*place(page[-1])) if len(rest) > limit else None)


def _decode(cursor: str) -> tuple[int, str]:
    value, fingerprint = decode_cursor(cursor, 2)
    if not value.isdecimal() or len(value) > 15:
        raise CursorInvalid()
    return int(value), fingerprint
