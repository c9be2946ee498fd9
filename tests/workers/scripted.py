"""Handlers whose payload says what to do; subprocesses import them from here."""

import asyncio
import ctypes
import os
import signal
import threading
from typing import Any

from workers.handler import NonRetryable, Retry, Snooze, job


@job(name="in-process", executor="process")
def in_process(ctx: Any, do: str, value: Any = None) -> Any:
    return act(ctx, do, value)


@job(name="in-process-async", executor="process")
async def in_process_async(ctx: Any, do: str, value: Any = None) -> Any:
    if do == "context":
        await ctx.log("one")
        return [ctx["redis"] is not None, ctx.cancelled.is_set(), isinstance(ctx.cancelled, asyncio.Event)]
    if do == "hang":
        await asyncio.Event().wait()
    return act(ctx, do, value)


@job(name="in-thread")
def in_thread(ctx: Any, do: str, value: Any = None) -> Any:
    return act(ctx, do, value)


@job(name="in-loop")
async def in_loop(ctx: Any, do: str, value: Any = None) -> Any:
    return act(ctx, do, value)


def act(ctx: Any, do: str, value: Any) -> Any:
    match do:
        case "return":
            return value
        case "identity":
            return [
                ctx["job_id"],
                ctx["job_try"],
                ctx["enqueue_time"].isoformat(),
                ctx["score"],
                "redis" in ctx,
            ]
        case "process":
            return [os.getpid(), os.getsid(0)]
        case "thread":
            return threading.current_thread() is threading.main_thread()
        case "report":
            for current in range(value):
                ctx.progress(current + 1, value, "going")
            ctx.log("done")
        case "progress":
            ctx.progress(value)
        case "raise":
            raise ValueError(value)
        case "retry":
            raise Retry(defer=value)
        case "snooze":
            raise Snooze(value)
        case "non_retryable":
            raise NonRetryable(value)
        case "stop_iteration":
            raise StopIteration
        case "system_exit":
            raise SystemExit(3)
        case "exit":
            os._exit(value)
        case "kill":
            os.kill(os.getpid(), value)
        case "segfault":
            ctypes.string_at(0)
        case "hang":
            ctx.log(str(os.getpid()))
            threading.Event().wait()
        case "hang_stubbornly":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            ctx.log(str(os.getpid()))
            threading.Event().wait()
        case "until_cancelled":
            ctx.log("begun")
            value.wait()
            return ctx.cancelled.is_set()
        case _:
            raise AssertionError(do)
