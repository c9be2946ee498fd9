"""A sleep until something is due, which may turn out to be sooner."""

import asyncio
import math


class Alarm:
    """One duty waits here; whoever learns of an earlier time schedules a check, even while the duty works."""

    def __init__(self) -> None:
        self._earlier = asyncio.Event()
        self._at = math.inf

    def schedule_check(self, seconds: float) -> None:
        """Something may be due in `seconds`."""
        at = asyncio.get_running_loop().time() + seconds
        if at < self._at:
            self._at = at
            self._earlier.set()

    async def wait(self, seconds: float) -> None:
        """Sleep until the earliest check, for `seconds` at most."""
        loop = asyncio.get_running_loop()
        self._at = min(self._at, loop.time() + seconds)
        while (left := self._at - loop.time()) > 0:
            self._earlier.clear()
            try:
                await asyncio.wait_for(self._earlier.wait(), left)
            except TimeoutError:
                break
        self._at = math.inf
