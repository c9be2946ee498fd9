"""The process clock, created by each main and passed to everything that needs the time."""

import time


class Clock:
    """Monotonic seconds for durations, wall milliseconds for ids; leases and due times use Redis time."""

    # Not a method around it: a worker asks three times per job.
    monotonic = staticmethod(time.monotonic)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
