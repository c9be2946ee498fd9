"""The methods of the client for the history, the events and the causes of dead letters."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import Any, Literal, Unpack

from triage_client._async.event_streams import stream_events
from triage_client._async.http import AsyncHttp
from triage_client._core.requests import query
from triage_client.types import (
    AuditOut,
    DeadLetterGroupFilter,
    DeadLetterGroupOut,
    EventOut,
    StatsOut,
    StatsPage,
)


class AsyncHistoryMethods:
    http: AsyncHttp

    async def stats(
        self,
        *,
        queue: str | None = None,
        job_type: str | None = None,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        step: Literal["1m", "5m", "1h"] | None = None,
    ) -> StatsOut:
        """Counts, times and depth per step of a queue, a job type, or the namespace, for up to a day."""
        window = {"queue": queue, "type": job_type, "from": start, "to": end, "step": step}
        return await self.http.json("GET", "/v1/stats", parameters=window)

    async def queue_stats(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        limit: int | None = None,
    ) -> StatsPage:
        """The queues with activity, most dead jobs and failed attempts first."""
        window = {"from": start, "to": end, "limit": limit}
        return await self.http.json("GET", "/v1/stats/queues", parameters=window, needs=("items",))

    async def job_type_stats(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        limit: int | None = None,
    ) -> StatsPage:
        """The job types with activity, most dead jobs and failed attempts first."""
        window = {"from": start, "to": end, "limit": limit}
        return await self.http.json("GET", "/v1/stats/job-types", parameters=window, needs=("items",))

    async def audit(self) -> AuditOut:
        """What the last audit of the namespace found, and whether one is running."""
        return await self.http.json("GET", "/v1/audit")

    async def request_audit(self) -> AuditOut:
        """Let a worker audit the namespace now."""
        return await self.http.json("POST", "/v1/audit")

    def dead_letter_groups(
        self, *, limit: int | None = None, **filters: Unpack[DeadLetterGroupFilter]
    ) -> AsyncIterator[DeadLetterGroupOut]:
        """The dead jobs grouped by cause; `fingerprint` of a group is a filter of the other methods."""
        return self.http.items("/v1/dlq/groups", filters, limit)

    async def events(
        self,
        *,
        queue: str | None = None,
        types: Sequence[str] | None = None,
        on_gap: Callable[[], object] | None = None,
    ) -> AsyncIterator[EventOut]:
        """The changes of jobs, flows, fan-outs and queues from now on; connects again when the stream breaks.

        `types` are such as "job.dead", or "job" for every type that begins with it. `on_gap` is called when
        events were missed: read the current state again.
        """
        parameters: dict[str, Any] = {"queue": queue, "types": ",".join(types) if types else None}
        async with aclosing(stream_events(self.http, "/v1/events", query(parameters))) as events:
            async for event in events:
                if event.name == "gap" and on_gap is not None:
                    on_gap()
                if event.name == "message":
                    yield event.data
