"""Waits until the jobs of a measurement have finished, and reads each from the server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from service.commands.bench.api import Api

#: The duration of the first long poll for a job and of later ones, in seconds. After the first, the command
#: explains why the job waits.
FIRST, LATER = 5.0, 20.0
_PAGE = 200
FINISHED = ("succeeded", "dead", "cancelled")

Read = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class End:
    """A job as read; times are unix seconds of the server's clock."""

    id: str
    state: str
    state_reason: str | None
    queued_at: float | None
    started_at: float | None
    finished_at: float | None

    @property
    def finished(self) -> bool:
        return self.state in FINISHED


class Ends:
    """`say` prints a line for people. `waiting` is the job that it waits for now, or was the last."""

    def __init__(self, api: Api, say: Callable[[str], None]) -> None:
        self._api = api
        self._say = say
        self._explained = False
        self.waiting: str | None = None

    async def end_of(self, id: str) -> End | None:
        """The job once it has finished; None if it does not exist."""
        self.waiting = id
        seconds = FIRST
        while True:
            job = await self._api.read(f"/v1/jobs/{id}", wait=seconds)
            if job is None:
                return None
            if job["state"] in FINISHED:
                return _end(job)
            if not self._explained and job["state"] == "queued":
                self._explained = True
                self._say(f"still waiting: {await self.why(id)}")
            seconds = LATER

    async def why(self, id: str) -> str:
        """The server's explanation of the job's state."""
        found = await self._api.read(f"/v1/jobs/{id}/explain")
        return "the job no longer exists." if found is None else found["summary"]

    async def read(self, tag: str, read: Read, shown: Callable[[int], None]) -> dict[str, End]:
        """All jobs with the tag, by id; `read` reads a page."""
        ends: dict[str, End] = {}
        parameters: dict[str, Any] = {"tag": tag, "limit": _PAGE}
        while True:
            page = await read("/v1/jobs", **parameters)
            for job in page["items"]:
                ends[job["id"]] = _end(job)
            shown(len(ends))
            if page["next_cursor"] is None:
                return ends
            parameters["cursor"] = page["next_cursor"]


def _end(job: dict[str, Any]) -> End:
    times = (job["queued_at"], job["started_at"], job["finished_at"])
    return End(job["id"], job["state"], job["state_reason"], *(_seconds(time) for time in times))


def _seconds(time: str | None) -> float | None:
    return None if time is None else datetime.fromisoformat(time).timestamp()
