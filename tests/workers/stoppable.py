"""Handlers that wait for a request to stop, and some that ignore it; subprocesses import them as well."""

import asyncio
import os
import signal
import threading
from typing import Any

from workers.handler import job

#: The events that threads which ignore cancellation wait for, by name.
GATES: dict[str, threading.Event] = {}


def _obey(ctx: Any, then: str, seconds: float) -> str:
    ctx.log("begun")
    if not ctx.cancelled.wait(20):
        return "never told"
    ctx.log(f"{ctx.cancel_reason}: {ctx.cancel_message}")
    if seconds:
        threading.Event().wait(seconds)
        ctx.log("cleaned up")
    if then == "raise":
        raise OSError("interrupted")
    if then == "stop":
        ctx.raise_if_cancelled()
    return "done"


async def _obey_in_a_loop(ctx: Any, seconds: float) -> None:
    await ctx.log("begun")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 20)
    except asyncio.CancelledError:
        assert ctx.cancelled.is_set()
        await ctx.log(f"{ctx.cancel_reason}: {ctx.cancel_message}")
        if seconds:
            await asyncio.to_thread(threading.Event().wait, seconds)
            await ctx.log("cleaned up")
        raise


@job(name="in-thread")
def in_thread(ctx: Any, then: str = "stop", seconds: float = 0) -> str:
    return _obey(ctx, then, seconds)


@job(name="in-process", executor="process")
def in_process(ctx: Any, then: str = "stop", seconds: float = 0) -> str:
    return _obey(ctx, then, seconds)


@job(name="in-loop")
async def in_loop(ctx: Any, seconds: float = 0) -> None:
    await _obey_in_a_loop(ctx, seconds)


@job(name="in-loop-of-process", executor="process")
async def in_loop_of_process(ctx: Any, seconds: float = 0) -> None:
    await _obey_in_a_loop(ctx, seconds)


@job(name="draining-process", executor="process")
def draining_process(ctx: Any) -> bool:
    ctx.log("begun")
    return ctx.draining.wait(20)


@job(name="draining-thread")
def draining_thread(ctx: Any) -> bool:
    ctx.log("begun")
    return ctx.draining.wait(20)


@job(name="deaf-thread", concurrency=1)
def deaf_thread(ctx: Any, gate: str) -> str:
    ctx.log("begun")
    GATES[gate].wait(20)
    return "done"


@job(name="deaf-process", executor="process")
def deaf_process(ctx: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    ctx.log(str(os.getpid()))
    threading.Event().wait(20)


@job(name="deaf-coroutine")
async def deaf_coroutine(ctx: Any, times: int) -> None:
    await ctx.log("begun")
    for _ in range(times + 1):
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 20)
        except asyncio.CancelledError:
            await ctx.log("heard")


@job(name="slow-thread")
def slow_thread(ctx: Any, history: str, seconds: float) -> None:
    """Ignores cancellation; O_APPEND writes of one short line are atomic, so runs can share the file."""
    for line in ("start", "end"):
        with open(history, "a") as marks:
            marks.write(f"{line}\n")
        if line == "start":
            threading.Event().wait(seconds)
