"""When a failed job runs again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Backoff = Literal["fixed", "linear", "exponential"]

#: Powers beyond this one only overflow: the cap has long been reached.
_LARGEST_EXPONENT = 62


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` counts the first run; `jitter` is the share, 0 to 1, by which a delay may be shorter."""

    max_attempts: int = 3
    backoff: Backoff = "exponential"
    delay_ms: int = 1_000
    max_delay_ms: int = 3_600_000
    jitter: float = 0.2

    def delay_after(self, failures: int, random: Callable[[], float]) -> int:
        """Milliseconds to wait after the `failures`-th failure, within [delay * (1 - jitter), max_delay].

        Jitter only shortens the capped delay and spreads what failed together, so that a
        dependency that comes back is not met by all of them at once.
        """
        if self.backoff == "fixed":
            delay = self.delay_ms
        elif self.backoff == "linear":
            delay = self.delay_ms * failures
        else:
            delay = self.delay_ms << min(max(failures - 1, 0), _LARGEST_EXPONENT)
        delay = min(delay, self.max_delay_ms)
        return round(delay * (1 - self.jitter * random()))
