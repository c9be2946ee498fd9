# Written by `make generate` from triage_client/_async/job_methods.py: change that file.
"""The methods of the client for jobs, dead letters and bulk actions."""

from collections.abc import Iterator, Iterable, Mapping
from typing import Any, Literal, Unpack

from triage_client._sync.bulk_actions import BulkAction
from triage_client._sync.http import Http
from triage_client._sync.jobs import DeadLetter, Job
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


class JobMethods:
    http: Http

    def submit(
        self,
        name: str,
        payload: Mapping[str, Any] | None = None,
        *,
        wait: float | None = None,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Submit a job. The client repeats the request if its outcome is unknown; the job is created once.

        With `wait`, the response comes when the job has finished, at the latest after that many seconds, up
        to 30. An `idempotency_key` makes it safe for your program to repeat the call. With `durability`
        "replicated", the response comes when a replica of Redis has the job.
        """
        headers, seconds = submission_headers(idempotency_key, durability, wait)
        body = spec_body(name, payload, options)
        data: JobOut = self.http.json("POST", "/v1/jobs", body=body, headers=headers, wait=seconds)
        return Job(self.http, data["id"], data)

    def submit_many(
        self,
        jobs: Iterable[AnyJob],
        *,
        atomic: bool = False,
        idempotency_key: str | None = None,
        durability: Durability | None = None,
    ) -> list[Submission[Job]]:
        """Submit jobs, 1,000 in a request; returns the outcome of each in order.

        With `atomic`, which needs a single request, either all or none are accepted.
        """
        outcomes: list[Submission[Job]] = []
        key = idempotency_key or new_key()
        for number, chunk in enumerate(chunks_of(map(job_body, jobs), atomic)):
            body = {"jobs": chunk} | ({"atomic": True} if atomic else {})
            headers = {"Idempotency-Key": f"{key}-{number}", **durable(durability)}
            found: BulkOut = self.http.json(
                "POST", "/v1/jobs/bulk", body=body, headers=headers, needs=("results",)
            )
            outcomes += outcomes_of(found, lambda data: Job(self.http, data["id"], data))
        return outcomes

    def job(self, id: str) -> Job:
        """A job by its id. Sends nothing: call a method of it."""
        return Job(self.http, id)

    def get_job(self, id: str) -> Job:
        """Read a job."""
        return self.job(id).refresh()

    def jobs(
        self, *, limit: int | None = None, **filters: Unpack[JobFilter]
    ) -> Iterator[Job]:
        """The jobs that match, newest first; reads further pages as you iterate, up to `limit` jobs."""
        for row in self.http.items("/v1/jobs", filters, limit):
            yield Job(self.http, row["id"], row)

    def dead_letters(
        self, *, limit: int | None = None, **filters: Unpack[DeadLetterFilter]
    ) -> Iterator[DeadLetter]:
        """The dead jobs that match, newest first; reads further pages as you iterate."""
        for row in self.http.items("/v1/dlq", filters, limit):
            yield DeadLetter(self.http, row["job_id"], row)

    def dead_letter(self, job_id: str) -> DeadLetter:
        """A dead job by its id. Sends nothing: call a method of it."""
        return DeadLetter(self.http, job_id)

    def get_dead_letter(self, job_id: str) -> DeadLetter:
        """Read a dead job."""
        return self.dead_letter(job_id).refresh()

    def retry_dead_letters(
        self,
        *,
        rate_per_second: float | None = None,
        max: int | None = None,
        idempotency_key: str | None = None,
        **filters: Unpack[DeadBulkFilter],
    ) -> BulkAction:
        """Run all dead jobs that match again, as a bulk action."""
        limits = given(rate_per_second=rate_per_second, max=max)
        body = {"filter": filter_body(filters), **limits}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        data = self.http.json("POST", "/v1/dlq/retry", body=body, headers=headers)
        return BulkAction(self.http, data["id"], data)

    def count_dead_letters(self, **filters: Unpack[DeadBulkFilter]) -> BulkPreviewOut:
        """How many dead jobs match, and so how many `retry_dead_letters` would run again."""
        body = {"filter": filter_body(filters), "dry_run": True}
        return self.http.json("POST", "/v1/dlq/retry", body=body, needs=("matched",))

    def bulk_action(
        self,
        action: Literal["cancel", "retry", "delete"],
        *,
        rate_per_second: float | None = None,
        max: int | None = None,
        idempotency_key: str | None = None,
        **filters: Unpack[BulkFilter],
    ) -> BulkAction:
        """Cancel, retry or delete all jobs that match."""
        limits = given(rate_per_second=rate_per_second, max=max)
        body = {"action": action, "filter": filter_body(filters), **limits}
        headers = {"Idempotency-Key": idempotency_key or new_key()}
        data = self.http.json("POST", "/v1/bulk-actions", body=body, headers=headers)
        return BulkAction(self.http, data["id"], data)

    def preview_bulk_action(
        self, action: Literal["cancel", "retry", "delete"], **filters: Unpack[BulkFilter]
    ) -> BulkPreviewOut:
        """How many jobs match."""
        body = {"action": action, "filter": filter_body(filters), "dry_run": True}
        return self.http.json("POST", "/v1/bulk-actions", body=body, needs=("matched",))

    def bulk_actions(self, *, limit: int | None = None) -> Iterator[BulkAction]:
        """The bulk actions, newest first."""
        for row in self.http.items("/v1/bulk-actions", limit=limit):
            yield BulkAction(self.http, row["id"], row)

    def bulk_action_by_id(self, id: str) -> BulkAction:
        """A bulk action by its id. Sends nothing: call a method of it."""
        return BulkAction(self.http, id)

    def get_bulk_action(self, id: str) -> BulkAction:
        """Read a bulk action."""
        return self.bulk_action_by_id(id).refresh()
