# Written by `make generate` from triage_client/_async/operations.py: change that file.
"""Handles of queues, schedules and workers."""

from typing import Self, Unpack

from triage_client._sync.handle import Handle
from triage_client._sync.jobs import Job
from triage_client._core.requests import Repeat, if_version, new_key, path
from triage_client._core.specs import given
from triage_client.types import CountsOut, JobOut, PurgeOut, QueueChangesIn, QueueOut, ScheduleOut, WorkerOut


class Queue(Handle[QueueOut]):
    """A queue; its id is its name."""

    PLACE = "/v1/queues/{}"

    @property
    def name(self) -> str:
        return self.id

    @property
    def paused(self) -> bool:
        return self.data["paused"]

    @property
    def counts(self) -> CountsOut:
        return self.data["counts"]

    def update(self, *, if_match: int | None = None, **changes: Unpack[QueueChangesIn]) -> Self:
        """Change limits and defaults; None removes a limit."""
        headers, repeat = if_version(if_match)
        place = path("/v1/queues/{}", self.id)
        return self.load(self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    def pause(self, job_type: str | None = None) -> Self:
        """Start no more jobs of the queue, or no more of one job type."""
        body = given(job_type=job_type)
        return self.load(self.http.json("POST", path("/v1/queues/{}/pause", self.id), body=body))

    def resume(self, job_type: str | None = None) -> Self:
        body = given(job_type=job_type)
        return self.load(self.http.json("POST", path("/v1/queues/{}/resume", self.id), body=body))

    def purge(self) -> int:
        """Remove the jobs that wait in the queue; returns their number."""
        place = path("/v1/queues/{}/purge", self.id)
        body = {"confirm": self.id}
        found: PurgeOut = self.http.json(
            "POST", place, body=body, repeat=Repeat.UNAPPLIED, needs=("purged",)
        )
        return found["purged"]

    def delete(self) -> None:
        """Forget the empty queue and its settings."""
        self.http.json("DELETE", path("/v1/queues/{}", self.id))


class Schedule(Handle[ScheduleOut]):
    """A schedule; its id is its name. To change one, put it again."""

    PLACE = "/v1/schedules/{}"

    @property
    def name(self) -> str:
        return self.id

    @property
    def paused(self) -> bool:
        return self.data["paused"]

    @property
    def next_run_at(self) -> str | None:
        return self.data["next_run_at"]

    def pause(self) -> Self:
        return self.load(self.http.json("POST", path("/v1/schedules/{}/pause", self.id)))

    def resume(self) -> Self:
        return self.load(self.http.json("POST", path("/v1/schedules/{}/resume", self.id)))

    def run_now(self, *, idempotency_key: str | None = None) -> Job:
        """Submit its job now, in addition to its fire times."""
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        place = path("/v1/schedules/{}/run-now", self.id)
        data: JobOut = self.http.json("POST", place, headers=headers)
        return Job(self.http, data["id"], data)

    def delete(self, *, if_match: int | None = None) -> None:
        headers, repeat = if_version(if_match)
        self.http.json("DELETE", path("/v1/schedules/{}", self.id), headers=headers, repeat=repeat)


class Worker(Handle[WorkerOut]):
    """A worker."""

    PLACE = "/v1/workers/{}"

    @property
    def state(self) -> str:
        return self.data["state"]

    def drain(self) -> Self:
        """Let it finish or hand back its jobs, and exit."""
        return self.load(self.http.json("POST", path("/v1/workers/{}/drain", self.id)))
