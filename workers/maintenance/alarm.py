"""A sleep that can be shortened when an earlier due time becomes known."""

import asyncio
import math


class Alarm:
    """For one duty. Other code can schedule an earlier check at any time, even while the duty is working."""

    def __init__(self) -> None:
        self._earlier = asyncio.Event()
        self._at = math.inf

    def schedule_check(self, seconds: float) -> None:
        """End the current or next wait in `seconds` at the latest."""
        at = asyncio.get_running_loop().time() + seconds
        if at < self._at:
            self._at = at
            self._earlier.set()

    async def wait(self, seconds: float) -> None:
        """Sleep until the earliest scheduled check, for at most `seconds`."""
        loop = asyncio.get_running_loop()
        self._at = min(self._at, loop.time() + seconds)
        while (left := self._at - loop.time()) > 0:
            self._earlier.clear()
            try:
                await asyncio.wait_for(self._earlier.wait(), left)
            except TimeoutError:
                break
        self._at = math.inf
