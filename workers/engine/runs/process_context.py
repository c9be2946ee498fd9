"""`ctx` in a subprocess, with a pipe to its worker: reports go one way, cancels the other."""

import asyncio
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.settings import Settings
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from workers.handling.cancel_notice import CancelNotice
from workers.handling.context import log_line, progress_value
from workers.handling.dependencies import RelatedJobs
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.handling.shared_limits import SharedLimiters


@dataclass(frozen=True, slots=True)
class Task:
    """The job as the worker sends it to the subprocess: plain values only."""

    paths: tuple[str, ...]
    name: str
    payload: bytes
    job_id: str
    job_try: int
    enqueue_time: str
    score: int
    max_result_bytes: int
    lease: Lease
    traceparent: str | None = None


_ELSEWHERE = (
    "its process has neither the worker's connection to Redis nor what on_startup puts into ctx;"
    " use executor='thread', or submit jobs with ctx.add_children or ctx.fan_out"
)


class _Done:
    """An awaitable that is always done: plain functions just call `ctx.log`, coroutines can await it."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


new_id = IdFactory(Clock().now_ms, os.urandom).new


@contextlib.asynccontextmanager
async def open_namespace(settings: Settings) -> AsyncGenerator[Namespace]:
    """The namespace over this process's own connection."""
    redis = connect(settings.redis_url)
    try:
        yield Namespace(redis, settings.namespace, settings.dead_retention_ms, max_queues=settings.max_queues)
    finally:
        # The handler's outcome is known; failing to close a connection must not replace it.
        with contextlib.suppress(Exception):
            await redis.aclose(close_connection_pool=True)


def related_jobs_of(task: Task, namespace: Namespace, registry: Registry) -> RelatedJobs:
    return RelatedJobs(namespace, JobSpecs(registry, namespace, Clock()), new_id, task.lease)


class SubprocessContext(dict[Any, Any], CancelNotice):
    """`ctx` of a handler in a subprocess, whether a plain or a coroutine function."""

    def __missing__(self, key: Any) -> Any:
        raise KeyError(f"ctx[{key!r}] does not exist with executor='process': {_ELSEWHERE}")

    def __init__(self, pipe: Connection, task: Task, settings: Settings) -> None:
        super().__init__(
            job_id=task.job_id,
            job_try=task.job_try,
            enqueue_time=datetime.fromisoformat(task.enqueue_time),
            score=task.score,
            traceparent=task.traceparent,
        )
        self._pipe = pipe
        self._task = task
        self._settings = settings
        #: Only for coroutine functions.
        self.related_jobs: RelatedJobs | None = None
        self._fan_outs = count(1)
        self._sending = threading.Lock()
        self.cancelled = threading.Event()
        self.draining: Any = threading.Event()
        #: Only for coroutine functions: the task that a cancel request cancels.
        self._coroutine: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._receiving = threading.Lock()

    def enter_loop(self) -> None:
        """Call in the task of a coroutine function: from now on a cancel request cancels the task."""
        task = asyncio.current_task()
        assert task is not None
        with self._receiving:
            self._coroutine = asyncio.get_running_loop(), task
            cancelled, draining = self.cancel_reason is not None, self.draining.is_set()
            self.cancelled, self.draining = asyncio.Event(), asyncio.Event()
            if draining:
                self.draining.set()
            if cancelled:
                self.cancelled.set()
                task.cancel()

    def on_message(self, kind: bytes, value: Any) -> None:
        """Apply a message from the worker; the listening thread calls this."""
        with self._receiving:
            if self._coroutine is None:
                self._apply(kind, value)
                return
        # The handler may have just returned and closed its event loop.
        with contextlib.suppress(RuntimeError):
            self._coroutine[0].call_soon_threadsafe(self._apply, kind, value)

    def _apply(self, kind: bytes, value: Any) -> None:
        if kind == b"draining":
            self.draining.set()
        elif self.cancel_reason is None:
            self.notify_cancel(*value)
            if self._coroutine is not None:
                self._coroutine[1].cancel()

    def send(self, kind: str, value: bytes) -> None:
        with self._sending:
            self._pipe.send_bytes(kind.encode() + b" " + value)

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> Any:
        self.send("progress", progress_value(current, total, message))
        return _Done()

    def log(self, message: object) -> Any:
        self.send("log", log_line(message))
        return _Done()

    def dependencies(self) -> Any:
        return self._ask(lambda related_jobs: related_jobs.dependencies())

    def add_children(self, children: Mapping[str, Any]) -> Any:
        return self._ask(lambda related_jobs: related_jobs.add_children(children))

    def fan_out(
        self,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        number = next(self._fan_outs)
        return self._ask(lambda related_jobs: related_jobs.fan_out(number, name, payloads, then, options))

    def limiter(self, name: str, limit: int, per_seconds: float) -> Any:
        if "limiters" in self:
            return self["limiters"].limiter(name, limit, per_seconds)
        return _BlockingLimiter(self._settings, name, limit, per_seconds)

    def _ask(self, question: Callable[[RelatedJobs], Coroutine[Any, Any, Any]]) -> Any:
        if self.related_jobs is not None:
            return question(self.related_jobs)
        # A plain function has no event loop, so each call creates one, with its own connection.
        return asyncio.run(self._ask_alone(question))

    async def _ask_alone(self, question: Callable[[RelatedJobs], Coroutine[Any, Any, Any]]) -> Any:
        async with open_namespace(self._settings) as namespace:
            limit = self._settings.max_payload_bytes
            registry = Registry.load(self._task.paths, max_payload_bytes=limit)
            return await question(related_jobs_of(self._task, namespace, registry))


class _BlockingLimiter:
    """For a plain function, which has no event loop: each wait creates one, with its own connection."""

    def __init__(self, settings: Settings, name: str, limit: int, per_seconds: float) -> None:
        self._settings = settings
        self._limit = (name, limit, per_seconds)

    def acquire(self) -> None:
        asyncio.run(self._acquire())

    async def _acquire(self) -> None:
        async with open_namespace(self._settings) as namespace:
            await SharedLimiters(namespace.limiters, lambda: new_id("lim")).limiter(*self._limit).acquire()
