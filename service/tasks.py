"""Ends asyncio tasks reliably."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")

#: The pause until a task that is still running is cancelled again, in seconds.
AGAIN = 0.1


async def end(tasks: Iterable["asyncio.Task[Any]"]) -> None:
    """Cancel tasks until all of them have ended, whatever they raise.

    Once is not always enough: redis-py can lose a cancellation that arrives while it reads a reply, in about
    5 of 6,000 calls, and the task would then run forever.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=AGAIN)
        # Retrieves exceptions, which asyncio would otherwise log.
        await asyncio.gather(*done, return_exceptions=True)


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """Return the result of `work`; raises TimeoutError if it takes longer, after ending it.

    For calls to Redis: after a lost cancellation, `asyncio.wait_for` would wait forever.
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
