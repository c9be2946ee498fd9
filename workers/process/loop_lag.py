"""How late the event loop was: the worst of the last minute, because a scrape sees only one moment."""

from collections import deque

WINDOW_SECONDS = 60.0


class LoopLag:
    """Fed by every tick of the event loop."""

    def __init__(self) -> None:
        # Times and lags, each smaller than the one before it: the first is the worst.
        self._peaks: deque[tuple[float, float]] = deque()

    def worst(self, now: float, lag: float) -> float:
        """Note a lag and return the largest of the window."""
        while self._peaks and self._peaks[-1][1] <= lag:
            self._peaks.pop()
        self._peaks.append((now, lag))
        while self._peaks[0][0] < now - WINDOW_SECONDS:
            self._peaks.popleft()
        return self._peaks[0][1]
