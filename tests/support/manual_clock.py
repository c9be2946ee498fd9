"""A clock that stands still until a test moves it."""

from service.clock import Clock


class ManualClock(Clock):
    """Both times move together by `advance`; `set_wall_ms` moves only the wall, as NTP would."""

    def __init__(self, wall_ms: int = 1_767_225_600_000) -> None:
        self._monotonic = 1_000.0
        self._wall_ms = wall_ms

    def monotonic(self) -> float:
        return self._monotonic

    def now_ms(self) -> int:
        return self._wall_ms

    def advance(self, seconds: float) -> None:
        self._monotonic += seconds
        self._wall_ms += round(seconds * 1000)

    def set_wall_ms(self, wall_ms: int) -> None:
        self._wall_ms = wall_ms
