"""One job type whose payload is a script: test handlers, written as users write theirs."""

import asyncio
import ctypes
import os
import sys
import threading
from typing import Any

from tests.support.eventually import eventually
from workers.handler import NonRetryable, RateLimited, Retry, Snooze, job


def _exit_once(path: str) -> None:
    if not os.path.exists(path):
        _mark(path, "")
        os._exit(9)


def _say_no_once(path: str, seconds: float) -> None:
    if not os.path.exists(path):
        _mark(path, "")
        raise RateLimited(seconds)


def _mark(payload_path: str, text: str) -> None:
    # O_APPEND writes of one short line are atomic, so several processes can share the file.
    with open(payload_path, "a") as history:
        history.write(text + "\n")


@job
async def scripted(ctx: Any, do: str = "ok", seconds: float = 0, history: str = "", value: Any = None) -> Any:
    """Note the start in `history`, then follow the script."""
    if history:
        _mark(history, f"start {ctx['job_id']} {ctx['job_try']} {os.getpid()}")
    match do:
        case "ok":
            await asyncio.sleep(seconds)
        case "wait":
            await _wait_for_file(value)
        case "fail":
            raise ValueError("asked to fail")
        case "fail_once":
            if ctx["job_try"] == 1:
                raise ValueError("asked to fail once")
        case "give_up":
            raise NonRetryable("asked to give up")
        case "retry":
            if ctx["job_try"] == 1:
                raise Retry(defer=seconds)
        case "snooze":
            raise Snooze(seconds)
        case "rate_limited_once":
            _say_no_once(history + ".limited", seconds)
        case "exit":
            os._exit(9)
        case "segfault":
            ctypes.string_at(0)
        case "system_exit":
            sys.exit(3)
        case "cancel_itself":
            raise asyncio.CancelledError
        case "swallow":
            await _swallow(seconds)
        case "block":
            threading.Event().wait(seconds)
        case "unserialisable":
            return object()
        case "close_redis":
            await ctx["redis"].aclose(close_connection_pool=True)
        case "leak":
            ctx["leaked"] = asyncio.create_task(asyncio.sleep(3600))
        case "broken_error":
            raise BrokenError
        case "log":
            await ctx.log("a line")
            await ctx.progress(1, 2, "half")
        case "dependencies":
            return await ctx.dependencies()
        case "children":
            await ctx.add_children(value)
            return await ctx.dependencies()
        case "fan_out":
            ids = [
                await ctx.fan_out(
                    "scripted",
                    ({"value": number} for number in range(size)),
                    then={"name": "scripted", "payload": {"do": "dependencies"}},
                    queue="items",
                )
                for size in value
            ]
            if ctx["job_try"] == 1:
                raise ValueError("asked to fail after it has begun")
            return ids
        case "exit_once_then_children":
            _exit_once(history + ".crashed")
            await ctx.add_children(value)
            return await ctx.dependencies()
        case "enqueue":
            enqueued = await ctx["redis"].enqueue_job("scripted", "ok", value="from a handler")
            return enqueued.job_id
        case _:
            raise AssertionError(do)
    if history:
        _mark(history, f"end {ctx['job_id']} {ctx['job_try']} {os.getpid()}")
    return {"value": value}


class BrokenError(Exception):
    """An error whose str() fails."""

    def __str__(self) -> str:
        raise RuntimeError("no description")

    __repr__ = __str__


async def _wait_for_file(path: str) -> None:
    def exists() -> None:
        assert os.path.exists(path)

    await eventually(exists, 300)


async def _swallow(seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while (remaining := deadline - asyncio.get_running_loop().time()) > 0:
        try:
            await asyncio.sleep(remaining)
        except asyncio.CancelledError:
            continue


@job(concurrency=1)
async def scripted_narrow(ctx: Any, history: str, seconds: float = 0) -> None:
    """One at a time on each worker."""
    _mark(history, f"start {ctx['job_id']} {ctx['job_try']} {os.getpid()}")
    await asyncio.sleep(seconds)
    _mark(history, f"end {ctx['job_id']} {ctx['job_try']} {os.getpid()}")


@job
def scripted_thread(ctx: Any, seconds: float = 0, children: Any = None) -> Any:
    """A plain function: it runs in a thread."""
    if children is not None:
        ctx.add_children(children)
        return ctx.dependencies()
    threading.Event().wait(seconds)
    ctx.log("from a thread")
    return threading.current_thread().name


@job(executor="process")
def scripted_process(ctx: Any, do: str = "ok", seconds: float = 0, children: Any = None) -> Any:
    """A plain function in its own process."""
    if children is not None:
        ctx.add_children(children)
        return ctx.dependencies()
    if do == "fan_out":
        return ctx.fan_out("scripted", [{}, {}])
    ctx.progress(1, 1)
    if do == "exit":
        os._exit(9)
    threading.Event().wait(seconds)
    return os.getpid()
