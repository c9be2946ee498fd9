"""`ctx`: arq's dictionary, with methods to report from a running job."""

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

#: Bytes of a log line, and of the message of a progress.
MAX_LINE = 4_096
#: Seconds between writes of a run's progress: the latest value wins.
PROGRESS_EVERY = 0.2
#: Seconds that a thread waits for its report to be written.
REPORT_SECONDS = 5.0
#: Seconds that a thread waits for what it asked of the store.
ANSWER_SECONDS = 30.0

log = structlog.get_logger("triage.context")


class Reporter(Protocol):
    """Where progress and log lines go; both may be discarded when the lease is lost."""

    async def progress(self, lease: Lease, value: bytes) -> Any: ...
    async def log(self, lease: Lease, line: bytes) -> Any: ...


class Family(Protocol):
    """What a job may ask of the jobs around it, and for."""

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
    """The JSON text of a progress; raises TypeError or ValueError for what is not a number."""
    current, total = _number("current", current), None if total is None else _number("total", total)
    text = None if message is None else printable(str(message), MAX_LINE)
    return orjson.dumps({"current": current, "total": total, "message": text})


def _number(name: str, value: object) -> float:
    # Decimal and the numbers of numpy are numbers; a Decimal is not a Real.
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise TypeError(f"ctx.progress: {name} must be a number, not {type(value).__name__}")
    number = value if isinstance(value, int) and abs(int(value)) < 2**53 else float(value)
    if not math.isfinite(number):
        raise ValueError(f"ctx.progress: {name} must be finite, not {number}")
    return number


def log_line(message: object) -> bytes:
    """The JSON text of a log line, with the time of this process."""
    at_ms = int(datetime.now(UTC).timestamp() * 1000)
    return orjson.dumps({"at_ms": at_ms, "message": printable(str(message), MAX_LINE)})


class JobContext(dict[Any, Any], CancelNotice):
    """A handler's first argument. In a thread, `progress` and `log` are plain calls."""

    __slots__ = ("_draining", "_find_relatives", "_reporter", "draining", "lease")

    #: A handler in a thread reports through the event loop and waits for it.
    threaded = False
    _progress: bytes | None = None
    _writer: asyncio.Task[None] | None = None
    _cancelled: Any = None

    def __init__(
        self,
        lease: Lease,
        shared: dict[Any, Any],
        reporter: Reporter,
        relatives: Callable[[Lease], Family],
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
        #: Set when this worker begins to shut down; runs have the time of the drain from then on.
        self.draining: Any = draining
        self._draining = draining
        self._reporter = reporter
        self._find_relatives = relatives

    # Most jobs neither report nor look around: what they do not touch is not made for them.
    @property
    def cancelled(self) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self._cancelled is None:
            self._cancelled = asyncio.Event()
            if self.cancel_reason is not None:
                self._cancelled.set()
        return self._cancelled

    @cached_property
    def _relatives(self) -> Family:
        return self._find_relatives(self.lease)

    @cached_property
    def _fan_outs(self) -> Iterator[int]:
        return count(1)

    @cached_property
    def _writing(self) -> asyncio.Lock:
        return asyncio.Lock()

    def notify_cancel(self, reason: CancelReason, message: str | None = None) -> None:
        super().notify_cancel(reason, message)
        if self.threaded:
            # A thread that waits in a limiter waits in the event loop.
            self._stopping.set()

    def enter_thread(self) -> None:
        """From now on the handler runs in a thread: what it may wait for are events of threads."""
        self._loop, self._loop_thread = asyncio.get_running_loop(), threading.get_ident()
        self._stopping: asyncio.Event = self.cancelled
        self._cancelled, self.draining = threading.Event(), self._draining.for_threads
        if self.cancel_reason is not None:
            self.cancelled.set()
        # The thread may use these from threads of its own, and each must be made once.
        _ = self._relatives, self._fan_outs
        self.threaded = True

    async def draining_begins(self) -> None:
        await self._draining.wait()

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> Any:
        """Show how far the job is; written at most five times a second, the latest value wins."""
        return self._do(self._set_progress(progress_value(current, total, message)))

    def log(self, message: object) -> Any:
        """Keep a line with the job: at most 1,000 lines of 4 KiB, the oldest go first."""
        return self._do(self._append(log_line(message)))

    def dependencies(self) -> Any:
        """The outcomes of the job's dependencies: state, result and error by key."""
        return self._ask(self._relatives.dependencies())

    def add_children(self, children: Mapping[str, Any]) -> Any:
        """Add jobs and wait for them: the handler starts again from its beginning when they have finished.

        `children` maps a key to {"job": JobSpec, "depends_on": [...]}. It returns only once all of them have
        finished. Raises FlowInvalid or ValueError.
        """
        return self._ask(self._relatives.add_children(children))

    def limiter(self, name: str, limit: int, per_seconds: float) -> Any:
        """A rate that all workers share: `await ctx.limiter("crm", 10, 1).acquire()` waits for its turn."""
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
        name or the JobSpec of a job that runs when all have ended, `options` are the fields of JobSpec,
        `max_concurrency` and `failure_tolerance`. Raises ValueError.
        """
        return self._ask(self._relatives.fan_out(next(self._fan_outs), name, payloads, then, options))

    async def report(self, kind: str, value: bytes) -> None:
        """A report from a subprocess, already encoded."""
        await (self._set_progress(value) if kind == "progress" else self._append(value))

    @property
    def unreported(self) -> bool:
        """Whether there is, or may be, progress that is not written yet."""
        return self._progress is not None or self._writer is not None

    async def flush(self) -> None:
        """Write the last progress; a write that is under way ends first, so that it cannot overtake."""
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
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_SECONDS)

    async def _append(self, line: bytes) -> None:
        try:
            await self._reporter.log(self.lease, line)
        except TriageError as error:
            # A report is not worth the attempt of the job that makes it.
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
