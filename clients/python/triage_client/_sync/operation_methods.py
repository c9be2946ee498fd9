# Written by `make generate` from triage_client/_async/operation_methods.py: change that file.
"""The methods of the client for queues, schedules, workers and job types."""

from collections.abc import Iterator
from typing import Any, Literal, Unpack

from triage_client._sync.http import Http
from triage_client._sync.operations import Queue, Schedule, Worker
from triage_client._core.requests import if_version, path
from triage_client._core.specs import AnyJob, job_body
from triage_client.types import JobTypeOut, ScheduleOptions


class OperationMethods:
    http: Http

    def queues(
        self, *, order: Literal["name", "attention"] | None = None, limit: int | None = None
    ) -> Iterator[Queue]:
        """The queues by name, or those that need attention first."""
        for row in self.http.items("/v1/queues", {"order": order}, limit):
            yield Queue(self.http, row["name"], row)

    def queue(self, name: str) -> Queue:
        """A queue by its name. Sends nothing: call a method of it."""
        return Queue(self.http, name)

    def get_queue(self, name: str) -> Queue:
        """Read a queue."""
        return self.queue(name).refresh()

    def schedules(self, *, limit: int | None = None) -> Iterator[Schedule]:
        """The schedules by name."""
        for row in self.http.items("/v1/schedules", limit=limit):
            yield Schedule(self.http, row["name"], row)

    def schedule(self, name: str) -> Schedule:
        """A schedule by its name. Sends nothing: call a method of it."""
        return Schedule(self.http, name)

    def get_schedule(self, name: str) -> Schedule:
        """Read a schedule."""
        return self.schedule(name).refresh()

    def put_schedule(
        self, name: str, job: AnyJob, *, if_match: int | None = None, **options: Unpack[ScheduleOptions]
    ) -> Schedule:
        """Create a schedule or replace it. With `if_match`, only while its version is still this one."""
        headers, repeat = if_version(if_match)
        body = {"job": job_body(job), **options}
        place = path("/v1/schedules/{}", name)
        data = self.http.json("PUT", place, body=body, headers=headers, repeat=repeat)
        return Schedule(self.http, name, data)

    def workers(self, *, limit: int | None = None) -> Iterator[Worker]:
        """The workers."""
        for row in self.http.items("/v1/workers", limit=limit):
            yield Worker(self.http, row["id"], row)

    def worker(self, id: str) -> Worker:
        """A worker by its id. Sends nothing: call a method of it."""
        return Worker(self.http, id)

    def get_worker(self, id: str) -> Worker:
        """Read a worker."""
        return self.worker(id).refresh()

    def job_types(self) -> list[JobTypeOut]:
        """The job types that workers know, with the schemas of their payloads."""
        return (self.http.json("GET", "/v1/job-types", needs=("items",)))["items"]

    def request(
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
        return self.http.json(
            method, place, parameters=parameters, body=body, headers=headers, needs=()
        )
