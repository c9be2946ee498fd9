"""The methods of the client for jobs, dead letters and bulk actions."""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Literal, Unpack

from triage_client._async.bulk_actions import AsyncBulkAction
from triage_client._async.http import AsyncHttp
from triage_client._async.jobs import AsyncDeadLetter, AsyncJob
from triage_client._core.requests import new_key
from triage_client._core.specs import (
    AnyJob,
    Durability,
    durable,
    filter_body,
    given,
    job_body,
    spec_body,
    submission_headers,
)
from triage_client._core.submissions import Submission, chunks_of, outcomes_of
from triage_client.types import (
    BulkFilter,
    BulkOut,
    BulkPreviewOut,
    DeadBulkFilter,
    DeadLetterFilter,
    JobFilter,
    JobOptions,
    JobOut,
)


class AsyncJobMethods:
    http: AsyncHttp

    async def submit(
        self,
        name: str,
        payload: Mapping[str, Any] | None = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
        **options: Unpack[JobOptions],
    ) -> AsyncJob:
        """Submit a job. The client repeats the request if its outcome is unknown; the job is created once.

        With `wait`, the response comes when the job has finished, at the latest after that many seconds, up
        to 30. An `idempotency_key` makes it safe for your program to repeat the call. With `durability`
        "replicated", the response comes when a replica of Redis has the job.
        """
        headers, seconds = submission_headers(idempotency_key, durability, wait)
        body = spec_body(name, payload, options)
        data: JobOut = await self.http.json("POST", "/v1/jobs", body=body, headers=headers, wait=seconds)
        return AsyncJob(self.http, data["id"], data)

    async def submit_many(
        self,
        jobs: Iterable[AnyJob],
        *,
        atomic: bool = False,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
    ) -> list[Submission[AsyncJob]]:
        """Submit jobs, 1,000 in a request; returns the outcome of each in order.

        With `atomic`, which needs a single request, either all or none are accepted.
        """
        outcomes: list[Submission[AsyncJob]] = []
        key = idempotency_key or new_key()
        for number, chunk in enumerate(chunks_of(map(job_body, jobs), atomic)):
            body = {"jobs": chunk} | ({"atomic": True} if atomic else {})
            headers = {"Idempotency-Key": f"{key}-{number}", **durable(durability)}
            found: BulkOut = await self.http.json(
                "POST", "/v1/jobs/bulk", body=body, headers=headers, needs=("results",)
            )
            outcomes += outcomes_of(found, lambda data: AsyncJob(self.http, data["id"], data))
        return outcomes

    def job(self, id: str) -> AsyncJob:
        """A job by its id. Sends nothing: call a method of it."""
        return AsyncJob(self.http, id)

    async def get_job(self, id: str) -> AsyncJob:
        """Read a job."""
        return await self.job(id).refresh()

    async def jobs(
        self, *, limit: int | None = None, **filters: Unpack[JobFilter]
    ) -> AsyncIterator[AsyncJob]:
        """The jobs that match, newest first; reads further pages as you iterate, up to `limit` jobs."""
        async for row in self.http.items("/v1/jobs", filters, limit):
            yield AsyncJob(self.http, row["id"], row)

    async def dead_letters(
        self, *, limit: int | None = None, **filters: Unpack[DeadLetterFilter]
    ) -> AsyncIterator[AsyncDeadLetter]:
        """The dead jobs that match, newest first; reads further pages as you iterate."""
        async for row in self.http.items("/v1/dlq", filters, limit):
            yield AsyncDeadLetter(self.http, row["job_id"], row)

    def dead_letter(self, job_id: str) -> AsyncDeadLetter:
        """A dead job by its id. Sends nothing: call a method of it."""
        return AsyncDeadLetter(self.http, job_id)

    async def get_dead_letter(self, job_id: str) -> AsyncDeadLetter:
        """Read a dead job."""
        return await self.dead_letter(job_id).refresh()

    async def retry_dead_letters(
        self,
        *,
        rate_per_second: float | None = None,
        max: int | None = None,
        idempotency_key: str | None = None,
        **filters: Unpack[DeadBulkFilter],
    ) -> AsyncBulkAction:
        """Run all dead jobs that match again, as a bulk action."""
        limits = given(rate_per_second=rate_per_second, max=max)
        body = {"filter": filter_body(filters), **limits}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        data = await self.http.json("POST", "/v1/dlq/retry", body=body, headers=headers)
        return AsyncBulkAction(self.http, data["id"], data)

    async def count_dead_letters(self, **filters: Unpack[DeadBulkFilter]) -> BulkPreviewOut:
        """How many dead jobs match, and so how many `retry_dead_letters` would run again."""
        body = {"filter": filter_body(filters), "dry_run": True}
        return await self.http.json("POST", "/v1/dlq/retry", body=body, needs=("matched",))

    async def bulk_action(
        self,
        action: Literal["cancel", "retry", "delete"],
        *,
        rate_per_second: float | None = None,
        max: int | None = None,
        idempotency_key: str | None = None,
        **filters: Unpack[BulkFilter],
    ) -> AsyncBulkAction:
        """Cancel, retry or delete all jobs that match."""
        limits = given(rate_per_second=rate_per_second, max=max)
        body = {"action": action, "filter": filter_body(filters), **limits}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        data = await self.http.json("POST", "/v1/bulk-actions", body=body, headers=headers)
        return AsyncBulkAction(self.http, data["id"], data)

    async def preview_bulk_action(
        self, action: Literal["cancel", "retry", "delete"], **filters: Unpack[BulkFilter]
    ) -> BulkPreviewOut:
        """How many jobs match."""
        body = {"action": action, "filter": filter_body(filters), "dry_run": True}
        return await self.http.json("POST", "/v1/bulk-actions", body=body, needs=("matched",))

    async def bulk_actions(self, *, limit: int | None = None) -> AsyncIterator[AsyncBulkAction]:
        """The bulk actions, newest first."""
        async for row in self.http.items("/v1/bulk-actions", limit=limit):
            yield AsyncBulkAction(self.http, row["id"], row)

    def bulk_action_by_id(self, id: str) -> AsyncBulkAction:
        """A bulk action by its id. Sends nothing: call a method of it."""
        return AsyncBulkAction(self.http, id)

    async def get_bulk_action(self, id: str) -> AsyncBulkAction:
        """Read a bulk action."""
        return await self.bulk_action_by_id(id).refresh()
