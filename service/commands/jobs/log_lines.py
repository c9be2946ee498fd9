"""The log lines of a job, each once."""

from collections.abc import Iterator
from typing import Any

from service.commands.connection import Api, place
from service.commands.members import ITEMS


class LogLines:
    """Reads the log again and again, and returns the lines that are new. The API keeps the last 1,000."""

    #: A line changes no version, so that a reader must poll; the pause between two polls, in seconds.
    SECONDS = 1.0

    def __init__(self, api: Api, job_id: str) -> None:
        self._api = api
        self._place = place("/v1/jobs/{}/logs", job_id)
        self._seen: list[Any] = []

    def new(self) -> Iterator[dict[str, Any]]:
        rows = self._api.read(self._place, ITEMS)["items"]
        fresh = rows[overlap(self._seen, rows) :]
        self._seen = rows
        yield from fresh


def overlap(before: list[Any], now: list[Any]) -> int:
    """How many of the first lines are the last ones from before: old lines leave at the front."""
    for start in range(len(before)):
        kept = len(before) - start
        if before[start:] == now[:kept]:
            return kept
    return 0
