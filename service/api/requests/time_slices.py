"""Long work of one request in short steps, so that other requests get their turn in between."""

import asyncio

#: Seconds of work between two turns of the others.
STEP_SECONDS = 0.005


class Turns:
    """Call `pause` often; it yields to the event loop when a time slice has passed."""

    def __init__(self) -> None:
        self._time = asyncio.get_running_loop().time
        self._until = self._time() + STEP_SECONDS

    async def pause(self) -> None:
        if self._time() >= self._until:
            await asyncio.sleep(0)
            self._until = self._time() + STEP_SECONDS
