"""Handles of jobs and dead letters."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Self, Unpack

from triage_client._async.handle import AsyncHandle, AsyncWaitable
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


class AsyncJob(AsyncWaitable[JobOut]):
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

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the job and return its result.

        Raises JobDead, JobCancelled or WaitTimeout.
        """
        await self.wait(timeout)
        # Lists leave large results out.
        if "result" in self.data["truncated"]:
            await self.refresh()
        return result_of(self.data)

    def events(self) -> AsyncIterator[JobEventOut]:
        """Its state now and every change until it has finished; connects again when the stream breaks."""
        return self.follow(path("/v1/jobs/{}/events", self.id))

    async def update(self, *, if_match: int | None = None, **changes: Unpack[JobChangesIn]) -> Self:
        """Change an unfinished job. With `if_match`, only while its version is still this one."""
        headers, repeat = if_version(if_match)
        place = path("/v1/jobs/{}", self.id)
        return self.load(await self.http.json("PATCH", place, body=changes, headers=headers, repeat=repeat))

    async def cancel(self, *, reason: str | None = None, grace_seconds: float | None = None) -> Self:
        """Cancel the job; a running one has its grace period."""
        body = given(reason=reason, grace_seconds=grace_seconds)
        return self.load(await self.http.json("POST", path("/v1/jobs/{}/cancel", self.id), body=body))

    async def retry(
        self,
        *,
        payload: Mapping[str, Any] | None = None,
        queue: str | None = None,
        delay_seconds: float | None = None,
    ) -> Self:
        """Run a dead or cancelled job again."""
        body = given(payload=payload, queue=queue, delay_seconds=delay_seconds)
        return self.load(await self.http.json("POST", path("/v1/jobs/{}/retry", self.id), body=body))

    async def run_now(self) -> Self:
        """Run a scheduled or retrying job now."""
        return self.load(await self.http.json("POST", path("/v1/jobs/{}/run-now", self.id)))

    async def delete(self) -> None:
        """Delete a finished job."""
        await self.http.json("DELETE", path("/v1/jobs/{}", self.id))

    async def attempts(self) -> list[AttemptOut]:
        """Its failed attempts, with their tracebacks."""
        return (await self.http.json("GET", path("/v1/jobs/{}/attempts", self.id), needs=("items",)))["items"]

    async def logs(self) -> list[LogOut]:
        """What its handler logged."""
        return (await self.http.json("GET", path("/v1/jobs/{}/logs", self.id), needs=("items",)))["items"]

    async def explain(self) -> ExplanationOut:
        """Why the job is in its state."""
        return await self.http.json("GET", path("/v1/jobs/{}/explain", self.id))


class AsyncDeadLetter(AsyncHandle[DeadLetterOut]):
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

    async def retry(
        self,
        *,
        payload: Mapping[str, Any] | None = None,
        queue: str | None = None,
        delay_seconds: float | None = None,
    ) -> AsyncJob:
        """Run the job again."""
        body = given(payload=payload, queue=queue, delay_seconds=delay_seconds)
        data: JobOut = await self.http.json("POST", path("/v1/dlq/{}/retry", self.id), body=body)
        return AsyncJob(self.http, data["id"], data)

    async def delete(self) -> None:
        """Delete the job."""
        await self.http.json("DELETE", path("/v1/dlq/{}", self.id))
