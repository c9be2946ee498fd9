"""The methods of the client for queues, schedules, workers and job types."""

from collections.abc import AsyncIterator
from typing import Any, Literal, Unpack

from triage_client._async.http import AsyncHttp
from triage_client._async.operations import AsyncQueue, AsyncSchedule, AsyncWorker
from triage_client._core.requests import if_version, path
from triage_client._core.specs import AnyJob, job_body
from triage_client.types import JobTypeOut, ScheduleOptions


class AsyncOperationMethods:
    http: AsyncHttp

    async def queues(
        self, *, order: Literal["name", "attention"] | None = None, limit: int | None = None
    ) -> AsyncIterator[AsyncQueue]:
        """The queues by name, or those that need attention first."""
        async for row in self.http.items("/v1/queues", {"order": order}, limit):
            yield AsyncQueue(self.http, row["name"], row)

    def queue(self, name: str) -> AsyncQueue:
        """A queue by its name. Sends nothing: call a method of it."""
        return AsyncQueue(self.http, name)

    async def get_queue(self, name: str) -> AsyncQueue:
        """Read a queue."""
        return await self.queue(name).refresh()

    async def schedules(self, *, limit: int | None = None) -> AsyncIterator[AsyncSchedule]:
        """The schedules by name."""
        async for row in self.http.items("/v1/schedules", limit=limit):
            yield AsyncSchedule(self.http, row["name"], row)

    def schedule(self, name: str) -> AsyncSchedule:
        """A schedule by its name. Sends nothing: call a method of it."""
        return AsyncSchedule(self.http, name)

    async def get_schedule(self, name: str) -> AsyncSchedule:
        """Read a schedule."""
        return await self.schedule(name).refresh()

    async def put_schedule(
        self, name: str, job: AnyJob, *, if_match: int | None = None, **options: Unpack[ScheduleOptions]
    ) -> AsyncSchedule:
        """Create a schedule or replace it. With `if_match`, only while its version is still this one."""
        headers, repeat = if_version(if_match)
        body = {"job": job_body(job), **options}
        place = path("/v1/schedules/{}", name)
        data = await self.http.json("PUT", place, body=body, headers=headers, repeat=repeat)
        return AsyncSchedule(self.http, name, data)

    async def workers(self, *, limit: int | None = None) -> AsyncIterator[AsyncWorker]:
        """The workers."""
        async for row in self.http.items("/v1/workers", limit=limit):
            yield AsyncWorker(self.http, row["id"], row)

    def worker(self, id: str) -> AsyncWorker:
        """A worker by its id. Sends nothing: call a method of it."""
        return AsyncWorker(self.http, id)

    async def get_worker(self, id: str) -> AsyncWorker:
        """Read a worker."""
        return await self.worker(id).refresh()

    async def job_types(self) -> list[JobTypeOut]:
        """The job types that workers know, with the schemas of their payloads."""
        return (await self.http.json("GET", "/v1/job-types", needs=("items",)))["items"]

    async def request(
        self,
        method: str,
        place: str,
        *,
        parameters: dict[str, Any] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Any other request, with the same retries and errors; it must be safe to repeat.

        `place` is a path such as /v1/jobs.
        """
        return await self.http.json(
            method, place, parameters=parameters, body=body, headers=headers, needs=()
        )
