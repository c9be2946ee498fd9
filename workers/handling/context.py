"""`ctx`: arq's dictionary, with methods for a running job."""

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from itertools import count
from numbers import Real
from typing import Any, Protocol

import orjson
import structlog

from service.domain.errors import TriageError
from service.domain.job import Lease
from service.tasks import end
from workers.calls.failures import printable
from workers.handling.cancel_notice import CancelNotice, CancelReason, Flag
from workers.handling.shared_limits import BlockingLimiter

#: The most bytes of a log line and of a progress message.
MAX_LINE = 4_096
#: The interval between writes of a run's progress, in seconds: the latest value wins.
PROGRESS_EVERY = 0.2
#: How long a thread waits until its report is written, in seconds.
REPORT_SECONDS = 5.0
#: How long a thread waits for a reply from the store, in seconds.
REPLY_SECONDS = 30.0

log = structlog.get_logger("triage.context")


class Reporter(Protocol):
    """Receives progress and log lines; may discard both when the lease is lost."""

    async def progress(self, lease: Lease, value: bytes) -> Any: ...
    async def log(self, lease: Lease, line: bytes) -> Any: ...


class RelatedJobsProtocol(Protocol):
    """A job's access to its dependencies, children and fan-outs."""

    async def dependencies(self) -> dict[str, Any]: ...
    async def add_children(self, children: Mapping[str, Any]) -> None: ...
    async def fan_out(
        self,
        number: int,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> str: ...


def progress_value(current: float, total: float | None, message: object) -> bytes:
    """The JSON text of a progress; raises TypeError or ValueError if a value is not a finite number."""
    current, total = _number("current", current), None if total is None else _number("total", total)
    text = None if message is None else printable(str(message), MAX_LINE)
    return orjson.dumps({"current": current, "total": total, "message": text})


def _number(name: str, value: object) -> float:
    # numpy's numbers are Real; Decimal is not, so it is listed.
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise TypeError(f"ctx.progress: {name} must be a number, not {type(value).__name__}")
    number = value if isinstance(value, int) and abs(int(value)) < 2**53 else float(value)
    if not math.isfinite(number):
        raise ValueError(f"ctx.progress: {name} must be finite, not {number}")
    return number


def log_line(message: object) -> bytes:
    """The JSON text of a log line, with this process's time."""
    at_ms = int(datetime.now(UTC).timestamp() * 1000)
    return orjson.dumps({"at_ms": at_ms, "message": printable(str(message), MAX_LINE)})


class JobContext(dict[Any, Any], CancelNotice):
    """A handler's first argument. In a thread, `progress` and `log` are plain calls."""

    __slots__ = ("_draining", "_find_related_jobs", "_reporter", "draining", "lease")

    #: Whether the handler runs in a thread, which reports through the event loop and blocks meanwhile.
    threaded = False
    _progress: bytes | None = None
    _writer: asyncio.Task[None] | None = None
    _cancelled: Any = None

    def __init__(
        self,
        lease: Lease,
        shared: dict[Any, Any],
        reporter: Reporter,
        related_jobs: Callable[[Lease], RelatedJobsProtocol],
        draining: Flag,
    ) -> None:
        job = lease.job
        # Not through dict.__init__, which takes three times as long.
        self.update(shared)
        self["job_id"] = job.id
        self["job_try"] = job.attempt
        self["enqueue_time"] = datetime.fromtimestamp(job.created_at / 1000, UTC)
        self["score"] = job.run_at
        self.lease = lease
        #: Set when this worker begins to drain.
        self.draining: Any = draining
        self._draining = draining
        self._reporter = reporter
        self._find_related_jobs = related_jobs

    # Created on first use, since most jobs need none of them.
    @property
    def cancelled(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self._cancelled is None:
            self._cancelled = asyncio.Event()
            if self.cancel_reason is not None:
                self._cancelled.set()
        return self._cancelled

    @cached_property
    def _related_jobs(self) -> RelatedJobsProtocol:
        return self._find_related_jobs(self.lease)

    @cached_property
    def _fan_outs(self) -> Iterator[int]:
        return count(1)

    @cached_property
    def _writing(self) -> asyncio.Lock:
        return asyncio.Lock()

    def notify_cancel(self, reason: CancelReason, message: str | None = None) -> None:
        super().notify_cancel(reason, message)
        if self.threaded:
            # When a thread waits in a limiter, the event loop does the waiting and needs an asyncio event.
            self._stopping.set()

    def enter_thread(self) -> None:
        """Call before the handler runs in a thread: its events become threading events."""
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._stopping: asyncio.Event = self.cancelled
        self._cancelled, self.draining = threading.Event(), self._draining.for_threads
        if self.cancel_reason is not None:
            self.cancelled.set()
        # The handler may start more threads, and these must be created only once.
        _ = self._related_jobs, self._fan_outs
        self.threaded = True

    async def draining_begins(self) -> None:
        await self._draining.wait()

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> Any:
        """Report progress; written at most five times a second, the latest value wins."""
        return self._do(self._set_progress(progress_value(current, total, message)))

    def log(self, message: object) -> Any:
        """Store a line with the job: at most 1,000 lines of 4 KiB, after which it drops the oldest."""
        return self._do(self._append(log_line(message)))

    def dependencies(self) -> Any:
        """The outcomes of the job's dependencies: state, result and error by key."""
        return self._ask(self._related_jobs.dependencies())

    def add_children(self, children: Mapping[str, Any]) -> Any:
        """Add jobs and wait for them: the handler starts again from its beginning when they have finished.

        `children` maps a key to {"job": JobSpec, "depends_on": [...]}. Returns once all of them have
        finished. Raises FlowInvalid or ValueError.
        """
        return self._ask(self._related_jobs.add_children(children))

    def limiter(self, name: str, limit: int, per_seconds: float) -> Any:
        """A rate that all workers share: `await ctx.limiter("crm", 10, 1).acquire()` waits until allowed."""
        limiter = self["limiters"].limiter(name, limit, per_seconds)
        return BlockingLimiter(limiter, self._loop, self._stopping) if self.threaded else limiter

    def fan_out(
        self,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        """Run a job per payload without waiting; returns the id of the fan-out.

        A repeated run creates nothing new: its first call returns the first fan-out, and so on. `then` is the
        name or the JobSpec of a job that runs when all items have finished; `options` are fields of JobSpec,
        `max_concurrency` and `failure_tolerance`. Raises ValueError.
        """
        return self._ask(self._related_jobs.fan_out(next(self._fan_outs), name, payloads, then, options))

    async def report(self, kind: str, value: bytes) -> None:
        """Pass on an encoded report from a subprocess."""
        await (self._set_progress(value) if kind == "progress" else self._append(value))

    @property
    def unreported(self) -> bool:
        """Whether some progress may not be written yet."""
        return self._progress is not None or self._writer is not None

    async def flush(self) -> None:
        """Write the last progress, after any write in progress, so that the last value wins."""
        await self._write_latest()
        if self._writer is not None:
            await end([self._writer])

    def _do(self, work: Coroutine[Any, Any, None]) -> Any:
        if not self.threaded or threading.get_ident() == self._loop_thread:
            return work
        try:
            asyncio.run_coroutine_threadsafe(work, self._loop).result(REPORT_SECONDS)
        except TimeoutError:
            log.info("report_late", job_id=self.lease.job.id)
        return None

    def _ask(self, work: Coroutine[Any, Any, Any]) -> Any:
        if not self.threaded or threading.get_ident() == self._loop_thread:
            return work
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(REPLY_SECONDS)

    async def _append(self, line: bytes) -> None:
        try:
            await self._reporter.log(self.lease, line)
        except TriageError as error:
            # A failed report must not fail the job.
            log.info("log_not_written", job_id=self.lease.job.id, code=error.code)

    async def _set_progress(self, value: bytes) -> None:
        self._progress = value
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._progress is not None:
            await self._write_latest()
            await asyncio.sleep(PROGRESS_EVERY)

    async def _write_latest(self) -> None:
        async with self._writing:
            value, self._progress = self._progress, None
            if value is None:
                return
            try:
                await self._reporter.progress(self.lease, value)
            except TriageError as error:
                log.info("progress_not_written", job_id=self.lease.job.id, code=error.code)


# The names in Python's warning about a call without `await`.
JobContext._append.__qualname__ = "ctx.log"  # type: ignore[reportPrivateUsage]
JobContext._set_progress.__qualname__ = "ctx.progress"  # type: ignore[reportPrivateUsage]
