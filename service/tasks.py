"""Ending tasks for good."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

#: Seconds until a task that goes on is asked again.
AGAIN = 0.1


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancels tasks until all of them have ended, whatever they raise.

    Once is not always enough: a cancellation that arrives while redis-py reads a reply can be lost, in about
    5 of 6,000 calls, and the task would then run forever.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN)
        # Looked at, so that asyncio does not log it: there is nobody left to tell.
        await asyncio.gather(*done, return_exceptions=True)


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`; raises TimeoutError when it took longer, and then it has ended for good.

    For calls to Redis, where `asyncio.wait_for` would wait forever for a lost cancellation.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            await end([task])
    if task.cancelled():
        raise TimeoutError
    return task.result()
