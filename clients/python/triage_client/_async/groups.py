"""Handles of flows and fan-outs."""

import json
from collections.abc import AsyncIterator
from typing import Self

from triage_client._async.handle import AsyncWaitable
from triage_client._async.jobs import AsyncJob
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


class AsyncFlow(AsyncWaitable[FlowOut]):
    """A flow. `data` has all of it."""

    PLACE = "/v1/flows/{}"
    FINISHED = frozenset({"succeeded", "failed", "cancelled"})

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def counts(self) -> GroupCountsOut:
        return self.data["counts"]

    def job(self, key: str) -> AsyncJob:
        """A job of the flow by its key."""
        ids = self.data["jobs"]
        if key not in ids:
            raise KeyError(f"{self.id} has no job {key!r}: it has {', '.join(sorted(ids))}")
        return AsyncJob(self.http, ids[key])

    async def jobs(self, limit: int | None = None) -> AsyncIterator[AsyncJob]:
        """Its jobs, with those that were added while it ran."""
        async for row in self.http.items(path("/v1/flows/{}/jobs", self.id), limit=limit):
            yield AsyncJob(self.http, row["id"], row)

    async def graph(self) -> GraphOut:
        """Its jobs as nodes and edges."""
        return await self.http.json("GET", path("/v1/flows/{}/graph", self.id), needs=("nodes",))

    def events(self) -> AsyncIterator[FlowEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/flows/{}/events", self.id))

    async def cancel(self, *, grace_seconds: float | None = None) -> Self:
        """Cancel its unfinished jobs."""
        body = given(grace_seconds=grace_seconds)
        return self.load(await self.http.json("POST", path("/v1/flows/{}/cancel", self.id), body=body))

    async def retry(self) -> Self:
        """Run what did not succeed again."""
        place = path("/v1/flows/{}/retry", self.id)
        return self.load(await self.http.json("POST", place, repeat=Repeat.UNAPPLIED))

    async def delete(self) -> None:
        """Delete the finished flow and its jobs."""
        await self.http.json("DELETE", path("/v1/flows/{}", self.id))


class AsyncFanOut(AsyncWaitable[FanOutOut]):
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
    def then_job(self) -> AsyncJob | None:
        """The follow-up job."""
        id = self.data["then_job_id"]
        return None if id is None else AsyncJob(self.http, id)

    async def results(
        self, *, state: State | None = None, from_index: int = 0
    ) -> AsyncIterator[ItemResultOut]:
        """The results in the order of the items, as they arrive; resumes when the response breaks."""
        outage = Outage()
        place = path("/v1/fan-outs/{}/results", self.id)
        while True:
            parameters = query({"from_index": from_index, "state": state})
            lines = Lines()
            try:
                async with self.http.stream(Request("GET", place, parameters)) as response:
                    check_media_type(response, "application/x-ndjson")
                    async for chunk in response.aiter_bytes():
                        for line in lines.feed(chunk):
                            result: ItemResultOut = json.loads(line)
                            outage.end()
                            from_index = result["index"] + 1
                            yield result
                    return
            except TriageError as error:
                pause = outage.pause(error, self.http.now(), self.http.jitter())
            await self.http.sleep(pause)

    async def jobs(self, state: State | None = None, limit: int | None = None) -> AsyncIterator[AsyncJob]:
        """Its items as jobs, highest index first, without the follow-up job."""
        place = path("/v1/fan-outs/{}/jobs", self.id)
        async for row in self.http.items(place, {"state": state}, limit):
            yield AsyncJob(self.http, row["id"], row)

    def events(self) -> AsyncIterator[FanOutEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/fan-outs/{}/events", self.id))

    async def cancel(self, *, grace_seconds: float | None = None) -> Self:
        """Cancel its unfinished items."""
        body = given(grace_seconds=grace_seconds)
        return self.load(await self.http.json("POST", path("/v1/fan-outs/{}/cancel", self.id), body=body))

    async def retry(self) -> Self:
        """Run dead and cancelled items again."""
        place = path("/v1/fan-outs/{}/retry", self.id)
        return self.load(await self.http.json("POST", place, repeat=Repeat.UNAPPLIED))

    async def delete(self) -> None:
        """Delete the finished fan-out and its jobs."""
        await self.http.json("DELETE", path("/v1/fan-outs/{}", self.id))
