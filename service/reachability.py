"""Measures how long this process cannot reach Redis, so that scripts can tell an outage from dead workers."""

from service.clock import Clock


class Reachability:
    """Records the attempts of a caller that retries at short intervals; thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._reached_at = clock.monotonic()
        self._away = False

    def reached(self) -> None:
        self._reached_at = self._clock.monotonic()
        self._away = False

    def missed(self) -> None:
        self._away = True

    @property
    def away_ms(self) -> int:
        """Milliseconds since Redis was last reached; 0 unless an attempt has failed since."""
        return round((self._clock.monotonic() - self._reached_at) * 1000) if self._away else 0
