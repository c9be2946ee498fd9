"""arq's Job over Triage's store: returned by enqueue_job, and created by `Job(id, ctx["redis"])`."""

import asyncio
import builtins
import contextlib
import math
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, cast, runtime_checkable

import arq.connections
import arq.jobs
import orjson
import structlog
from arq.jobs import JobDef, JobResult, JobStatus, ResultNotFound, SerializationError
from arq.worker import JobExecutionFailed

from service.domain.errors import BackendUnavailable
from service.domain.job import Job
from service.domain.states import FINISHED, Reason, State
from service.store.namespace import Namespace
from workers.calls.invocation import ARGS

#: The grace of `abort`, in milliseconds.
ABORT_GRACE_MS = 5_000
#: The interval between reads of a job without a notification of a change, in seconds.
SLEEP_AT_MOST = 30.0
_STATUS: Mapping[State, JobStatus] = {
    State.BLOCKED: JobStatus.deferred,
    State.SCHEDULED: JobStatus.deferred,
    State.RETRYING: JobStatus.deferred,
    State.QUEUED: JobStatus.queued,
    State.RUNNING: JobStatus.in_progress,
}

log = structlog.get_logger("triage.arq")


@runtime_checkable
class HasStores(Protocol):
    """A client for Triage's jobs."""

    namespace: Namespace

    async def find_job(self, id: str) -> Job | None: ...


class TriageJob(arq.jobs.Job):
    """A job by its id or by the `_job_id` with which it was enqueued.

    With any other client it behaves like arq's own Job.
    """

    async def result(
        self, timeout: float | None = None, *, poll_delay: float = 0.5, pole_delay: float | None = None
    ) -> Any:
        """Return the result, or raise an error with the type, if built in, and message of the handler's.

        Raises TimeoutError, and ResultNotFound for a job that does not exist or has been pruned.
        """
        client = self._client
        if client is None:
            return await super().result(timeout, poll_delay=poll_delay, pole_delay=pole_delay)
        if pole_delay is not None:
            warnings.warn('"pole_delay" is deprecated, use "poll_delay"', DeprecationWarning, stacklevel=2)
            poll_delay = pole_delay
        job = await self._ended(client, timeout, poll_delay)
        error = _error(job)
        if error is not None:
            raise error
        return None if job.result is None else orjson.loads(job.result)

    async def info(self) -> JobDef | None:
        client = self._client
        if client is None:
            return await super().info()
        job = await client.find_job(self.job_id)
        if job is None:
            return None
        return result_of(job) if job.state in FINISHED else definition_of(job)

    async def result_info(self) -> JobResult | None:
        client = self._client
        if client is None:
            return await super().result_info()
        job = await client.find_job(self.job_id)
        return result_of(job) if job is not None and job.state in FINISHED else None

    async def status(self) -> JobStatus:
        client = self._client
        if client is None:
            return await super().status()
        job = await client.find_job(self.job_id)
        return JobStatus.not_found if job is None else _STATUS.get(job.state, JobStatus.complete)

    async def abort(self, *, timeout: float | None = None, poll_delay: float = 0.5) -> bool:
        """Cancel the job and wait until it finishes; False if it was not cancelled or does not exist."""
        client = self._client
        if client is None:
            return await super().abort(timeout=timeout, poll_delay=poll_delay)
        found = await client.find_job(self.job_id)
        if found is None:
            return False
        await client.namespace.jobs.cancel([found.id], ABORT_GRACE_MS)
        try:
            return (await self._ended(client, timeout, poll_delay)).state is State.CANCELLED
        except ResultNotFound:
            return False

    @property
    def _client(self) -> HasStores | None:
        client: Any = self._redis
        return client if isinstance(client, HasStores) else None

    async def _ended(self, client: HasStores, timeout: float | None, poll_delay: float) -> Job:
        loop = asyncio.get_running_loop()
        deadline = math.inf if timeout is None else loop.time() + timeout
        while True:
            job = await self._found(client)
            if job.state in FINISHED:
                return job
            try:
                async with client.namespace.change_feed.watch(job.id) as changed:
                    while not changed.lost:
                        changed.clear()
                        job = await self._found(client)
                        if job.state in FINISHED:
                            return job
                        await _wait(changed, SLEEP_AT_MOST, deadline)
            except BackendUnavailable:
                log.info("waiting_for_redis", job_id=self.job_id)
            await _wait(asyncio.Event(), poll_delay, deadline)

    async def _found(self, client: HasStores) -> Job:
        job = await client.find_job(self.job_id)
        if job is None:
            raise ResultNotFound("The job does not exist, or it has finished and its result was deleted.")
        return job


async def _wait(change: asyncio.Event, seconds: float, deadline: float) -> None:
    """Wait for the change or for `seconds`; raises TimeoutError past the deadline."""
    left = deadline - asyncio.get_running_loop().time()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(change.wait(), max(0.0, min(seconds, left)))
    if asyncio.get_running_loop().time() >= deadline:
        raise TimeoutError


def definition_of(job: Job) -> JobDef:
    args, kwargs = _arguments(job)
    return JobDef(
        function=job.name,
        args=args,
        kwargs=kwargs,
        job_try=cast(int, job.attempt if job.deliveries or job.failures else None),
        enqueue_time=_time(job.created_at),
        score=job.run_at,
        job_id=job.id,
    )


def result_of(job: Job) -> JobResult:
    args, kwargs = _arguments(job)
    error = _error(job)
    return JobResult(
        function=job.name,
        args=args,
        kwargs=kwargs,
        job_try=job.attempt,
        enqueue_time=_time(job.created_at),
        score=None,
        job_id=job.id,
        success=error is None,
        result=error or (None if job.result is None else orjson.loads(job.result)),
        start_time=_time(job.started_at or job.finished_at or job.created_at),
        finish_time=_time(job.finished_at or job.created_at),
        queue_name=job.queue,
    )


def _arguments(job: Job) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments by name if the worker knew the function, otherwise as the caller passed them."""
    payload = cast(dict[str, Any], orjson.loads(job.payload))
    args = payload.pop(ARGS, None)
    if isinstance(args, list):
        return tuple(cast(list[Any], args)), payload
    return (), payload if args is None else {**payload, ARGS: args}


def _error(job: Job) -> BaseException | None:
    """The error to raise for the result; None if the job succeeded."""
    if job.state is State.SUCCEEDED:
        return None
    if job.state is State.CANCELLED:
        return asyncio.CancelledError()
    if job.state_reason == Reason.EXPIRED:
        return JobExecutionFailed("job expired")
    if job.state_reason == Reason.UNROUTABLE:
        return JobExecutionFailed(f"function {job.name!r} not found")
    error = cast(dict[str, Any], orjson.loads(job.error)) if job.error else {}
    kind, message = str(error.get("type", "")), str(error.get("message", ""))
    if kind == "Retry":
        return JobExecutionFailed(f"max {job.retry.max_attempts} retries exceeded")
    if kind == "ResultInvalid":
        return SerializationError(f"unable to serialize result: {message}")
    # Only built-in types, so that data in Redis cannot make a process import modules.
    known = getattr(builtins, kind, None)
    if isinstance(known, type) and issubclass(known, Exception):
        with contextlib.suppress(TypeError):
            return known(message)
    return JobExecutionFailed(f"{kind}: {message}" if kind else str(job.state_reason))


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


# Gives Triage's class to handlers that use `from arq.jobs import Job`.
arq.jobs.Job = arq.connections.Job = TriageJob  # type: ignore[misc]
