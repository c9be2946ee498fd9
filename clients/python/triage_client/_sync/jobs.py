# Written by `make generate` from triage_client/_async/jobs.py: change that file.
"""Handles of jobs and dead letters."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, Unpack

from triage_client._sync.handle import Handle, Waitable
from triage_client._core.outcomes import result_of
from triage_client._core.requests import if_version, path
from triage_client._core.specs import given
from triage_client.types import (
    AttemptOut,
    DeadLetterOut,
    ErrorOut,
    ExplanationOut,
    JobChangesIn,
    JobEventOut,
    JobOut,
    LogOut,
    ProgressOut,
)


class Job(Waitable[JobOut]):
    """A job. `data` has all of it."""

    PLACE = "/v1/jobs/{}"
    FINISHED = frozenset({"succeeded", "dead", "cancelled"})

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def queue(self) -> str:
        return self.data["queue"]

    @property
    def state_reason(self) -> str | None:
        return self.data["state_reason"]

    @property
    def error(self) -> ErrorOut | None:
        return self.data["error"]

    @property
    def progress(self) -> ProgressOut | None:
        return self.data["progress"]

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the job and return its result.

        Raises JobDead, JobCancelled or WaitTimeout.
        """
        self.wait(timeout)
        # Lists leave large results out.
        if "result" in self.data["truncated"]:
            self.refresh()
        return result_of(self.data)

    def events(self) -> Iterator[JobEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/jobs/{}/events", self.id))

    def update(self, *, if_match: int | None = None, **changes: Unpack[JobChangesIn]) -> Self:
        """Change an unfinished job. With `if_match`, only while its version is still this one."""
        headers, repeat = if_version(if_match)
        place = path("/v1/jobs/{}", self.id)
        return self.load(self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    def cancel(self, *, reason: str | None = None, grace_seconds: float | None = None) -> Self:
        """Cancel the job; a running one has its grace period."""
        body = given(reason=reason, grace_seconds=grace_seconds)
        return self.load(self.http.json("POST", path("/v1/jobs/{}/cancel", self.id), body=body))

    def retry(
        self,
        *,
        payload: Mapping[str, Any] | None = None,
        queue: str | None = None,
        delay_seconds: float | None = None,
    ) -> Self:
        """Run a dead or cancelled job again."""
        body = given(payload=payload, queue=queue, delay_seconds=delay_seconds)
        return self.load(self.http.json("POST", path("/v1/jobs/{}/retry", self.id), body=body))

    def run_now(self) -> Self:
        """Run a scheduled or retrying job now."""
        return self.load(self.http.json("POST", path("/v1/jobs/{}/run-now", self.id)))

    def delete(self) -> None:
        """Delete a finished job."""
        self.http.json("DELETE", path("/v1/jobs/{}", self.id))

    def attempts(self) -> list[AttemptOut]:
        """Its failed attempts, with their tracebacks."""
        return (self.http.json("GET", path("/v1/jobs/{}/attempts", self.id), needs=("items",)))["items"]

    def logs(self) -> list[LogOut]:
        """What its handler logged."""
        return (self.http.json("GET", path("/v1/jobs/{}/logs", self.id), needs=("items",)))["items"]

    def explain(self) -> ExplanationOut:
        """Why the job is in its state."""
        return self.http.json("GET", path("/v1/jobs/{}/explain", self.id))


class DeadLetter(Handle[DeadLetterOut]):
    """A dead job with its error and its attempts; `id` is the job's."""

    PLACE = "/v1/dlq/{}"

    @property
    def job_id(self) -> str:
        return self.id

    @property
    def name(self) -> str:
        return self.data["name"]

    @property
    def queue(self) -> str:
        return self.data["queue"]

    @property
    def reason(self) -> str | None:
        return self.data["reason"]

    @property
    def error(self) -> ErrorOut | None:
        return self.data["error"]

    def retry(
        self,
        *,
        payload: Mapping[str, Any] | None = None,
        queue: str | None = None,
        delay_seconds: float | None = None,
    ) -> Job:
        """Run the job again."""
        body = given(payload=payload, queue=queue, delay_seconds=delay_seconds)
        data: JobOut = self.http.json("POST", path("/v1/dlq/{}/retry", self.id), body=body)
        return Job(self.http, data["id"], data)

    def delete(self) -> None:
        """Delete the job."""
        self.http.json("DELETE", path("/v1/dlq/{}", self.id))
