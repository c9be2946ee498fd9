# Written by `make generate` from triage_client/_async/history_methods.py: change that file.
"""The methods of the client for the history, the events and the causes of dead letters."""

from collections.abc import Iterator, Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, Literal, Unpack

from triage_client._sync.event_streams import stream_events
from triage_client._sync.http import Http
from triage_client._core.requests import query
from triage_client.types import (
    AuditOut,
    DeadLetterGroupFilter,
    DeadLetterGroupOut,
    EventOut,
    StatsOut,
    StatsPage,
)


class HistoryMethods:
    http: Http

    def stats(
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
        return self.http.json("GET", "/v1/stats", parameters=window)

    def queue_stats(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        limit: int | None = None,
    ) -> StatsPage:
        """The queues with activity, most dead jobs and failed attempts first."""
        window = {"from": start, "to": end, "limit": limit}
        return self.http.json("GET", "/v1/stats/queues", parameters=window, needs=("items",))

    def job_type_stats(
        self,
        *,
        start: str | datetime | None = None,
        end: str | datetime | None = None,
        limit: int | None = None,
    ) -> StatsPage:
        """The job types with activity, most dead jobs and failed attempts first."""
        window = {"from": start, "to": end, "limit": limit}
        return self.http.json("GET", "/v1/stats/job-types", parameters=window, needs=("items",))

    def audit(self) -> AuditOut:
        """What the last audit of the namespace found, and whether one is running."""
        return self.http.json("GET", "/v1/audit")

    def request_audit(self) -> AuditOut:
        """Let a worker audit the namespace now."""
        return self.http.json("POST", "/v1/audit")

    def dead_letter_groups(
        self, *, limit: int | None = None, **filters: Unpack[DeadLetterGroupFilter]
    ) -> Iterator[DeadLetterGroupOut]:
        """The dead jobs grouped by cause; `fingerprint` of a group is a filter of the other methods."""
        return self.http.items("/v1/dlq/groups", filters, limit)

    def events(
        self,
        *,
        queue: str | None = None,
        types: Sequence[str] | None = None,
        on_gap: Callable[[], object] | None = None,
    ) -> Iterator[EventOut]:
        """The changes of jobs, flows, fan-outs and queues from now on; connects again when the stream breaks.

        `types` are such as "job.dead", or "job" for every type that begins with it. `on_gap` is called when
        events were missed: read the current state again.
        """
        parameters: dict[str, Any] = {"queue": queue, "types": ",".join(types) if types else None}
        with closing(stream_events(self.http, "/v1/events", query(parameters))) as events:
            for event in events:
                if event.name == "gap" and on_gap is not None:
                    on_gap()
                if event.name == "message":
                    yield event.data
