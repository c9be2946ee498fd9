"""The process's clock, which entry points create and pass to all code that needs the time."""

import time


class Clock:
    """Monotonic seconds for durations, wall-clock ms for ids; leases and due times use Redis time."""

    # Not a method around it: a worker asks three times per job.
    monotonic = staticmethod(time.monotonic)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000
