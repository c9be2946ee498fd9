"""Splits the long work of a request into time slices, so that other requests run in between.

A short request needs several iterations of the event loop, and would wait for a slice of each long request in
every one of them. So while short requests are in progress, all long ones together use half of the time.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Generator
from typing import Any

#: The length of a time slice, and of the rest after it while short requests are in progress, in seconds.
SLICE_SECONDS = REST_SECONDS = 0.001
#: A request that takes longer than this waits for something, or is a long one, in seconds.
SHORT_SECONDS = 0.05


class RequestsInProgress:
    """The short requests of a process, and when the next time slice of a long one begins."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        #: When each short request began, oldest first, by its task.
        self._short: dict[asyncio.Task[Any] | None, float] = {}
        self._next_slice = 0.0

    @contextlib.contextmanager
    def request(self) -> Generator[None]:
        """For the duration of a request, in its own task."""
        task = asyncio.current_task()
        self._short[task] = self.clock()
        try:
            yield
        finally:
            self._short.pop(task, None)

    def rest(self) -> float:
        """How long the current task must rest after its slice, in seconds: 0 without short requests."""
        now = self.clock()
        self._short.pop(asyncio.current_task(), None)
        while self._short:
            oldest, began = next(iter(self._short.items()))
            if now - began < SHORT_SECONDS:
                self._next_slice = max(now, self._next_slice) + REST_SECONDS + SLICE_SECONDS
                return self._next_slice - SLICE_SECONDS - now
            del self._short[oldest]
        return 0.0


in_progress = RequestsInProgress(time.monotonic)


class TimeSlices:
    """Call `pause` often; it lets other requests run when a time slice is used up."""

    def __init__(self) -> None:
        self._clock = in_progress.clock
        self._until = self._clock() + SLICE_SECONDS

    async def pause(self) -> None:
        if self._clock() >= self._until:
            await asyncio.sleep(in_progress.rest())
            self._until = self._clock() + SLICE_SECONDS
