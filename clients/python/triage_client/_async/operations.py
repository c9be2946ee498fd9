"""Handles of queues, schedules and workers."""

from typing import Self, Unpack

from triage_client._async.handle import AsyncHandle
from triage_client._async.jobs import AsyncJob
from triage_client._core.requests import Repeat, if_version, new_key, path
from triage_client._core.specs import given
from triage_client.types import CountsOut, JobOut, PurgeOut, QueueChangesIn, QueueOut, ScheduleOut, WorkerOut


class AsyncQueue(AsyncHandle[QueueOut]):
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

    async def update(self, *, if_match: int | None = None, **changes: Unpack[QueueChangesIn]) -> Self:
        """Change limits and defaults; None removes a limit."""
        headers, repeat = if_version(if_match)
        place = path("/v1/queues/{}", self.id)
        return self.load(await self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    async def pause(self, job_type: str | None = None) -> Self:
        """Start no more jobs of the queue, or no more of one job type."""
        body = given(job_type=job_type)
        return self.load(await self.http.json("POST", path("/v1/queues/{}/pause", self.id), body=body))

    async def resume(self, job_type: str | None = None) -> Self:
        body = given(job_type=job_type)
        return self.load(await self.http.json("POST", path("/v1/queues/{}/resume", self.id), body=body))

    async def purge(self) -> int:
        """Remove the jobs that wait in the queue; returns their number."""
        place = path("/v1/queues/{}/purge", self.id)
        body = {"confirm": self.id}
        found: PurgeOut = await self.http.json(
            "POST", place, body=body, repeat=Repeat.UNAPPLIED, needs=("purged",)
        )
        return found["purged"]

    async def delete(self) -> None:
        """Forget the empty queue and its settings."""
        await self.http.json("DELETE", path("/v1/queues/{}", self.id))


class AsyncSchedule(AsyncHandle[ScheduleOut]):
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

    async def pause(self) -> Self:
        return self.load(await self.http.json("POST", path("/v1/schedules/{}/pause", self.id)))

    async def resume(self) -> Self:
        return self.load(await self.http.json("POST", path("/v1/schedules/{}/resume", self.id)))

    async def run_now(self, *, idempotency_key: str | None = None) -> AsyncJob:
        """Submit its job now, in addition to its fire times."""
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        place = path("/v1/schedules/{}/run-now", self.id)
        data: JobOut = await self.http.json("POST", place, headers=headers)
        return AsyncJob(self.http, data["id"], data)

    async def delete(self, *, if_match: int | None = None) -> None:
        headers, repeat = if_version(if_match)
        await self.http.json("DELETE", path("/v1/schedules/{}", self.id), headers=headers, repeat=repeat)


class AsyncWorker(AsyncHandle[WorkerOut]):
    """A worker."""

    PLACE = "/v1/workers/{}"

    @property
    def state(self) -> str:
        return self.data["state"]

    async def drain(self) -> Self:
        """Let it finish or hand back its jobs, and exit."""
        return self.load(await self.http.json("POST", path("/v1/workers/{}/drain", self.id)))
