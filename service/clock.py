"""The process clock, created by each main and passed to everything that needs the time."""

import time


class Clock:
    """Monotonic seconds for durations, wall milliseconds for ids; leases and due times use Redis time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
