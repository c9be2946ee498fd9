"""The longest time that one step held the event loop."""

import asyncio
import contextlib
import time
from collections.abc import Generator


@contextlib.contextmanager
def longest_step() -> Generator[list[float]]:
    """A list whose only value is the longest time, in seconds, that the loop was blocked."""
    loop, longest = asyncio.get_running_loop(), [0.0]
    last, going = time.perf_counter(), True

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        longest[0], last = max(longest[0], now - last), now
        if going:
            loop.call_later(0.001, tick)

    loop.call_soon(tick)
    try:
        yield longest
    finally:
        longest[0], going = max(longest[0], time.perf_counter() - last), False
