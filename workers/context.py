"""`ctx`: arq's dictionary, with methods to report from a running job."""

import asyncio
import threading
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from service.domain.job import Lease

MAX_LINE = 4_096
#: Seconds between writes of a run's progress: the latest value wins.
PROGRESS_EVERY = 0.2
#: Seconds that a thread waits for its report to be written.
REPORT_SECONDS = 5.0


class Reporter(Protocol):
    """Where progress and log lines go; both may vanish when the lease is lost."""

    async def progress(self, lease: Lease, value: bytes) -> None: ...
    async def log(self, lease: Lease, line: bytes) -> None: ...


class JobContext(dict[Any, Any]):
    """What a handler gets as its first argument. In a thread, `progress` and `log` are plain calls."""

    def __init__(
        self, lease: Lease, shared: dict[Any, Any], reporter: Reporter, draining: asyncio.Event
    ) -> None:
        job = lease.job
        super().__init__(shared)
        self.update(
            job_id=job.id,
            job_try=job.attempt,
            enqueue_time=datetime.fromtimestamp(job.created_at / 1000, UTC),
            score=job.run_at,
        )
        self.cancelled = asyncio.Event()
        self.draining = draining
        self._lease = lease
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()
        self._progress: bytes | None = None
        self._writer: asyncio.Task[None] | None = None
        #: A handler in a thread reports through the event loop and waits for it.
        self.threaded = False

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> Any:
        """Show how far the job is; written at most five times a second, the latest value wins."""
        value = {
            "current": current,
            "total": total,
            "message": None if message is None else message[:MAX_LINE],
        }
        return self._do(self._set_progress(orjson.dumps(value)))

    def log(self, message: object) -> Any:
        """Keep a line with the job: at most 1,000 lines of 4 KiB, the oldest go first."""
        line = {"at_ms": datetime.now(UTC).timestamp() * 1000 // 1, "message": str(message)[:MAX_LINE]}
        return self._do(self._reporter.log(self._lease, orjson.dumps(line)))

    async def report(self, kind: str, value: bytes) -> None:
        """A report that came from a child process, already encoded."""
        if kind == "progress":
            await self._set_progress(value)
        else:
            await self._reporter.log(self._lease, value)

    async def flush(self) -> None:
        """Write the last progress."""
        if self._writer is not None:
            self._writer.cancel()
        if (value := self._progress) is not None:
            self._progress = None
            await self._reporter.progress(self._lease, value)

    def _do(self, work: Coroutine[Any, Any, None]) -> Any:
        if not self.threaded or threading.current_thread() is threading.main_thread():
            return work
        asyncio.run_coroutine_threadsafe(work, self._loop).result(REPORT_SECONDS)
        return None

    async def _set_progress(self, value: bytes) -> None:
        self._progress = value
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while (value := self._progress) is not None:
            self._progress = None
            await self._reporter.progress(self._lease, value)
            await asyncio.sleep(PROGRESS_EVERY)
