"""The process's clock, which entry points create and pass to all code that needs the time."""

import time


class Clock:
    """Monotonic seconds for durations, wall-clock ms for ids; leases and due times use Redis time."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
