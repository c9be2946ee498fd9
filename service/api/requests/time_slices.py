"""Splits the long work of a request into time slices, so that other requests run in between."""

import asyncio

#: The length of a time slice, in seconds.
STEP_SECONDS = 0.005


class TimeSlices:
    """Call `pause` often; it yields to the event loop when a time slice is used up."""

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + STEP_SECONDS

    async def pause(self) -> None:
        if self._time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._time() + STEP_SECONDS
