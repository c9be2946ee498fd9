"""Waiting for background work in tests: the only place that may sleep."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

Result = TypeVar("Result")


async def eventually(
    check: Callable[[], Result | Awaitable[Result]],
    deadline_seconds: float = 10,
    interval: float = 0.02,
) -> Result:
    """Call `check` until it raises no AssertionError, and return its value; the deadline raises the last one.

    Other exceptions are raised at once: a check that expects a lost connection says so itself.
    """
    deadline = time.monotonic() + deadline_seconds
    while True:
        try:
            result = check()
            return cast(Result, await result) if inspect.isawaitable(result) else result
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(interval)


def eventually_blocking(
    check: Callable[[], Result], deadline_seconds: float = 10, interval: float = 0.02
) -> Result:
    """The same without an event loop."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        try:
            return check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        time.sleep(interval)
