"""Reads the history of queues and job types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from service.domain.stats import Kind, Mark, Tally, Window
from service.store.queries import Queries
from service.store.redis.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Series:
    """One tally per step; None is a gap, in which no process recorded anything."""

    steps: Sequence[Tally | None]


class History:
    """The last day of one namespace; every method raises BackendUnavailable."""

    def __init__(self, scripts: Scripts, queries: Queries) -> None:
        self._scripts = scripts
        self._queries = queries

    async def series(self, kind: Kind | None, name: str | None, window: Window) -> Series:
        """Of a queue or a job type, or of the whole namespace."""
        return Series([None] * window.points)

    async def all_series(self, kind: Kind, window: Window) -> Mapping[str, Series]:
        """Of every queue, or every job type, that was active."""
        return {}

    async def marks(self, window: Window) -> Sequence[Mark]:
        """Oldest first."""
        return []
