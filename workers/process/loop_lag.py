"""The event loop's worst lag in the last minute, because a scrape only sees one moment."""

from collections import deque

WINDOW_SECONDS = 60.0


class LoopLag:
    """Gets the lag of every tick of the event loop."""

    def __init__(self) -> None:
        # Times and lags, in descending order of lag, so that the first is the worst.
        self._peaks: deque[tuple[float, float]] = deque()

    def worst(self, now: float, lag: float) -> float:
        """Record a lag, and return the largest in the window."""
        while self._peaks and self._peaks[-1][1] <= lag:
            self._peaks.pop()
        self._peaks.append((now, lag))
        while self._peaks[0][0] < now - WINDOW_SECONDS:
            self._peaks.popleft()
        return self._peaks[0][1]
