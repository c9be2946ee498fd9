"""The other end of subprocess.py: runs one job in the subprocess and reports through the pipe."""

import asyncio
import contextlib
import inspect
import os
import signal
import threading
from multiprocessing.connection import Connection

import orjson
from arq.worker import Retry

from service.settings import Settings
from service.telemetry.logs import IDS, configure_logs
from service.telemetry.spans import CURRENT
from workers.calls.invocation import Handler, PayloadMismatch, ResultInvalid, describe, encode_result
from workers.engine.runs.process_context import (
    SubprocessContext,
    Task,
    new_id,
    open_namespace,
    related_jobs_of,
)
from workers.handler import NonRetryable, RateLimited, Snooze
from workers.handling.dependencies import WaitingForChildren
from workers.handling.registry import Registry
from workers.handling.shared_limits import SharedLimiters


def main(pipe: Connection, task: Task, settings: Settings) -> None:
    """Run the task and report its outcome; the process exits when its worker does."""
    # Leave the terminal's process group: Ctrl-C is meant for the worker, which drains.
    with contextlib.suppress(OSError):
        os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure_logs(settings.log_level, settings.log_format)
    IDS.set({"job_id": task.job_id})
    CURRENT.set(task.traceparent)
    context = SubprocessContext(pipe, task, settings)
    threading.Thread(target=_listen, args=(pipe, context), daemon=True).start()
    try:
        registry = Registry.load(task.paths, max_payload_bytes=settings.max_payload_bytes)
        for key, value in registry.shared_context.items():
            context.setdefault(key, value)
        context["settings"] = settings
        handler = registry.find(task.name)
        assert handler is not None, f"{task.name} is not a handler in its subprocess"
        result = _call(handler, registry, context, task, settings)
        context.send("result", encode_result(result, task.max_result_bytes))
    except BaseException as error:
        context.send(*_describe_outcome(error))


def _call(
    handler: Handler, registry: Registry, context: SubprocessContext, task: Task, settings: Settings
) -> object:
    args, kwargs = handler.bind(orjson.loads(task.payload))
    if not inspect.iscoroutinefunction(handler.function):
        return handler.function(context, *args, **kwargs)

    async def run() -> object:
        from workers.handling.arq_client import TriageRedis

        async with open_namespace(settings) as namespace:
            context.related_jobs = related_jobs_of(task, namespace, registry)
            context["limiters"] = SharedLimiters(namespace.limiters, lambda: new_id("lim"))
            context["redis"] = client = TriageRedis(settings.redis_url, namespace, registry, new_id)
            await registry.hooks.starts(context)
            try:
                context.enter_loop()
                return await handler.function(context, *args, **kwargs)
            finally:
                await registry.hooks.ends(context, 5.0)
                await namespace.change_feed.close()
                # The handler's outcome is known; failing to close a connection must not replace it.
                with contextlib.suppress(Exception):
                    await client.aclose(close_connection_pool=True)

    return asyncio.run(run())


def _describe_outcome(error: BaseException) -> tuple[str, bytes]:
    """The kind and the content of the last message to the worker."""
    kind, delay_ms = "failed", None
    if isinstance(error, WaitingForChildren):
        kind = "waiting_for_children"
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


def _listen(pipe: Connection, context: SubprocessContext) -> None:
    # The pipe closes when the worker exits, and this process must not outlive it.
    with contextlib.suppress(EOFError, OSError):
        while True:
            kind, _, value = pipe.recv_bytes().partition(b" ")
            context.on_message(kind, orjson.loads(value))
    os._exit(1)
