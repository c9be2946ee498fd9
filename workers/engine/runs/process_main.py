"""The other side of child_process.py: one job in one process, reporting through a pipe."""

import asyncio
import contextlib
import inspect
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing.connection import Connection
from typing import Any

import orjson
from arq.worker import Retry

from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.job import Lease
from service.settings import Settings
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.telemetry.logs import IDS, configure_logs
from service.telemetry.spans import CURRENT
from workers.calls.invocation import Handler, PayloadMismatch, ResultInvalid, describe, encode_result
from workers.handler import NonRetryable, RateLimited, Snooze
from workers.handling.cancel_notice import CancelNotice
from workers.handling.context import log_line, progress_value
from workers.handling.dependencies import Parked, Relatives
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.handling.shared_limits import Throttle


@dataclass(frozen=True, slots=True)
class Task:
    """What the process is told: plain values only."""

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


class _Done:
    """Ready at once: `ctx.log` is a plain call for plain functions, and coroutines can await it."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


class ChildContext(dict[Any, Any], CancelNotice):
    """`ctx` in a process: it reports, and hears of a cancel and of a drain, through the pipe."""

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
        #: Of coroutine functions.
        self.relatives: Relatives | None = None
        self._fan_outs = count(1)
        self._lock = threading.Lock()
        self.cancelled = threading.Event()
        self.draining: Any = threading.Event()
        #: Of coroutine functions: what a cancel cancels.
        self._coroutine: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._hearing = threading.Lock()

    def enter_loop(self) -> None:
        """For coroutine functions, in their task: events of the event loop, and a cancel cancels the task."""
        task = asyncio.current_task()
        assert task is not None
        with self._hearing:
            self._coroutine = asyncio.get_running_loop(), task
            begun, drains = self.cancel_reason is not None, self.draining.is_set()
            self.cancelled, self.draining = asyncio.Event(), asyncio.Event()
            if drains:
                self.draining.set()
            if begun:
                self.cancelled.set()
                task.cancel()

    def hear(self, kind: bytes, value: Any) -> None:
        """What the worker says, in the listening thread."""
        with self._hearing:
            if self._coroutine is None:
                self._obey(kind, value)
                return
        # The handler may have ended just now, and its event loop with it.
        with contextlib.suppress(RuntimeError):
            self._coroutine[0].call_soon_threadsafe(self._obey, kind, value)

    def _obey(self, kind: bytes, value: Any) -> None:
        if kind == b"draining":
            self.draining.set()
        elif self.cancel_reason is None:
            self.notify_cancel(*value)
            if self._coroutine is not None:
                self._coroutine[1].cancel()

    def send(self, kind: str, value: bytes) -> None:
        with self._lock:
            self._pipe.send_bytes(kind.encode() + b" " + value)

    def progress(self, current: float, total: float | None = None, message: str | None = None) -> Any:
        self.send("progress", progress_value(current, total, message))
        return _Done()

    def dependencies(self) -> Any:
        return self._ask(lambda relatives: relatives.dependencies())

    def add_children(self, children: Mapping[str, Any]) -> Any:
        return self._ask(lambda relatives: relatives.add_children(children))

    def fan_out(
        self,
        name: str,
        payloads: Iterable[Mapping[str, Any]],
        then: str | Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Any:
        number = next(self._fan_outs)
        return self._ask(lambda relatives: relatives.fan_out(number, name, payloads, then, options))

    def _ask(self, question: Callable[[Relatives], Coroutine[Any, Any, Any]]) -> Any:
        if self.relatives is not None:
            return question(self.relatives)
        # A plain function: it has no event loop, so each question brings its own, with its own connection.
        return asyncio.run(_ask_alone(self._task, self._settings, question))

    def log(self, message: object) -> Any:
        self.send("log", log_line(message))
        return _Done()

    def limiter(self, name: str, limit: int, per_seconds: float) -> Any:
        if "limiters" in self:
            return self["limiters"].limiter(name, limit, per_seconds)
        return _LimiterAlone(self["settings"], name, limit, per_seconds)


class _LimiterAlone:
    """For a plain function: it has no event loop, so each wait brings its own, with its own connection."""

    def __init__(self, settings: Settings, name: str, limit: int, per_seconds: float) -> None:
        self._settings = settings
        self._limit = (name, limit, per_seconds)

    def acquire(self) -> None:
        asyncio.run(self._acquire())

    async def _acquire(self) -> None:
        settings = self._settings
        stores = Namespace(
            connect(settings.redis_url),
            settings.namespace,
            settings.dead_retention_ms,
            max_queues=settings.max_queues,
        )
        ids = IdFactory(Clock().now_ms, os.urandom)
        try:
            await Throttle(stores.limiters, lambda: ids.new("lim")).limiter(*self._limit).acquire()
        finally:
            await stores.scripts.redis.aclose(close_connection_pool=True)


def main(pipe: Connection, task: Task, settings: Settings) -> None:
    """Run the task and send its verdict; the process ends with its parent."""
    # Out of the terminal's group: Ctrl-C is for the worker, which drains.
    with contextlib.suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure_logs(settings.log_level, settings.log_format)
    IDS.set({"job_id": task.job_id})
    CURRENT.set(task.traceparent)
    context = ChildContext(pipe, task, settings)
    threading.Thread(target=_listen, args=(pipe, context), daemon=True).start()
    try:
        registry = Registry.load(task.paths, max_payload_bytes=settings.max_payload_bytes)
        for key, value in registry.shared_context.items():
            context.setdefault(key, value)
        context["settings"] = settings
        handler = registry.find(task.name)
        assert handler is not None, f"{task.name} is not a handler in its process"
        result = _call(handler, registry, context, task, settings)
        context.send("result", encode_result(result, task.max_result_bytes))
    except BaseException as error:
        context.send(*_verdict(error))


def _call(
    handler: Handler, registry: Registry, context: ChildContext, task: Task, settings: Settings
) -> object:
    args, kwargs = handler.bind(orjson.loads(task.payload))
    if not inspect.iscoroutinefunction(handler.function):
        return handler.function(context, *args, **kwargs)

    async def run() -> object:
        from workers.handling.arq_client import TriageRedis

        ids = IdFactory(Clock().now_ms, os.urandom)
        stores = Namespace(
            connect(settings.redis_url),
            settings.namespace,
            settings.dead_retention_ms,
            max_queues=settings.max_queues,
        )
        specs = JobSpecs(registry, stores, Clock())
        context.relatives = Relatives(stores, specs, ids.new, task.lease)
        context["limiters"] = Throttle(stores.limiters, lambda: ids.new("lim"))
        context["redis"] = TriageRedis(settings.redis_url, stores, registry, ids.new)
        await registry.hooks.starts(context)
        try:
            context.enter_loop()
            return await handler.function(context, *args, **kwargs)
        finally:
            await registry.hooks.ends(context, 5.0)
            await stores.change_feed.close()
            for client in (context["redis"], stores.scripts.redis):
                # The handler's verdict is given: a connection that does not close must not replace it.
                with contextlib.suppress(Exception):
                    await client.aclose(close_connection_pool=True)

    return asyncio.run(run())


async def _ask_alone(
    task: Task, settings: Settings, question: Callable[[Relatives], Coroutine[Any, Any, Any]]
) -> Any:
    stores = Namespace(
        connect(settings.redis_url),
        settings.namespace,
        settings.dead_retention_ms,
        max_queues=settings.max_queues,
    )
    ids = IdFactory(Clock().now_ms, os.urandom)
    try:
        registry = Registry.load(task.paths, max_payload_bytes=settings.max_payload_bytes)
        specs = JobSpecs(registry, stores, Clock())
        return await question(Relatives(stores, specs, ids.new, task.lease))
    finally:
        await stores.scripts.redis.aclose()


def _verdict(error: BaseException) -> tuple[str, bytes]:
    kind, delay_ms = "failed", None
    if isinstance(error, Parked):
        kind = "parked"
    elif isinstance(error, asyncio.CancelledError):
        kind = "cancelled"
    elif isinstance(error, Snooze):
        kind, delay_ms = "snooze", error.delay_ms
    elif isinstance(error, RateLimited):
        kind, delay_ms = "rate_limited", error.delay_ms
    elif isinstance(error, Retry):
        delay_ms = error.defer_score or 0
    elif isinstance(error, (NonRetryable, PayloadMismatch, ResultInvalid)):
        kind = "non_retryable"
    failure = describe(error)
    return kind, orjson.dumps(
        {
            "type": failure.type,
            "message": failure.message,
            "traceback": failure.traceback,
            "delay_ms": delay_ms,
        }
    )


def _listen(pipe: Connection, context: ChildContext) -> None:
    # The pipe ends with the worker, and this process with the pipe.
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, _, value = pipe.recv_bytes().partition(b" ")
            context.hear(kind, orjson.loads(value))
    os._exit(1)
