# Written by `make generate` from triage_client/_async/groups.py: change that file.
"""Handles of flows and fan-outs."""

import json
from collections.abc import Iterator
from typing import Self

from triage_client._sync.handle import Waitable
from triage_client._sync.jobs import Job
from triage_client._core.lines import Lines
from triage_client._core.requests import Repeat, Request, path, query
from triage_client._core.responses import check_media_type
from triage_client._core.retries import Outage
from triage_client._core.specs import given
from triage_client.errors import TriageError
from triage_client.types import (
    FanOutEventOut,
    FanOutOut,
    FlowEventOut,
    FlowOut,
    GraphOut,
    GroupCountsOut,
    ItemResultOut,
    State,
)


class Flow(Waitable[FlowOut]):
    """A flow. `data` has all of it."""

    PLACE = "/v1/flows/{}"
    FINISHED = frozenset({"succeeded", "failed", "cancelled"})

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def counts(self) -> GroupCountsOut:
        return self.data["counts"]

    def job(self, key: str) -> Job:
        """A job of the flow by its key."""
        ids = self.data["jobs"]
        if key not in ids:
            raise KeyError(f"{self.id} has no job {key!r}: it has {', '.join(sorted(ids))}")
        return Job(self.http, ids[key])

    def jobs(self, limit: int | None = None) -> Iterator[Job]:
        """Its jobs, with those that were added while it ran."""
        for row in self.http.items(path("/v1/flows/{}/jobs", self.id), limit=limit):
            yield Job(self.http, row["id"], row)

    def graph(self) -> GraphOut:
        """Its jobs as nodes and edges."""
        return self.http.json("GET", path("/v1/flows/{}/graph", self.id), needs=("nodes",))

    def events(self) -> Iterator[FlowEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/flows/{}/events", self.id))

    def cancel(self, *, grace_seconds: float | None = None) -> Self:
        """Cancel its unfinished jobs."""
        body = given(grace_seconds=grace_seconds)
        return self.load(self.http.json("POST", path("/v1/flows/{}/cancel", self.id), body=body))

    def retry(self) -> Self:
        """Run what did not succeed again."""
        place = path("/v1/flows/{}/retry", self.id)
        return self.load(self.http.json("POST", place, repeat=Repeat.UNAPPLIED))

    def delete(self) -> None:
        """Delete the finished flow and its jobs."""
        self.http.json("DELETE", path("/v1/flows/{}", self.id))


class FanOut(Waitable[FanOutOut]):
    """A fan-out. `data` has all of it."""

    PLACE = "/v1/fan-outs/{}"
    FINISHED = frozenset({"succeeded", "failed", "cancelled"})

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def counts(self) -> GroupCountsOut:
        return self.data["counts"]

    @property
    def progress(self) -> tuple[int, int]:
        """How many items have finished, and how many there are."""
        counts = self.counts
        return counts["succeeded"] + counts["dead"] + counts["cancelled"], counts["total"]

    @property
    def then_job(self) -> Job | None:
        """The follow-up job."""
        id = self.data["then_job_id"]
        return None if id is None else Job(self.http, id)

    def results(
        self, *, state: State | None = None, from_index: int = 0
    ) -> Iterator[ItemResultOut]:
        """The results in the order of the items, as they arrive; resumes when the response breaks."""
        outage = Outage()
        place = path("/v1/fan-outs/{}/results", self.id)
        while True:
            parameters = query({"from_index": from_index, "state": state})
            lines = Lines()
            try:
                with self.http.stream(Request("GET", place, parameters)) as response:
                    check_media_type(response, "application/x-ndjson")
                    for chunk in response.iter_bytes():
                        for line in lines.feed(chunk):
                            result: ItemResultOut = json.loads(line)
                            outage.end()
                            from_index = result["index"] + 1
                            yield result
                    return
            except TriageError as error:
                pause = outage.pause(error, self.http.now(), self.http.jitter())
            self.http.sleep(pause)

    def jobs(self, state: State | None = None, limit: int | None = None) -> Iterator[Job]:
        """Its items as jobs, highest index first, without the follow-up job."""
        place = path("/v1/fan-outs/{}/jobs", self.id)
        for row in self.http.items(place, {"state": state}, limit):
            yield Job(self.http, row["id"], row)

    def events(self) -> Iterator[FanOutEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/fan-outs/{}/events", self.id))

    def cancel(self, *, grace_seconds: float | None = None) -> Self:
        """Cancel its unfinished items."""
        body = given(grace_seconds=grace_seconds)
        return self.load(self.http.json("POST", path("/v1/fan-outs/{}/cancel", self.id), body=body))

    def retry(self) -> Self:
        """Run dead and cancelled items again."""
        place = path("/v1/fan-outs/{}/retry", self.id)
        return self.load(self.http.json("POST", place, repeat=Repeat.UNAPPLIED))

    def delete(self) -> None:
        """Delete the finished fan-out and its jobs."""
        self.http.json("DELETE", path("/v1/fan-outs/{}", self.id))
