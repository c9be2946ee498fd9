"""When a failed job runs again."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Backoff = Literal["fixed", "linear", "exponential"]

#: Larger powers overflow, and the cap applies long before.
_LARGEST_EXPONENT = 62


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`max_attempts` includes the first run; delays are shorter by up to a share of `jitter`, 0 to 1."""

    max_attempts: int = 3
    backoff: Backoff = "exponential"
    delay_ms: int = 1_000
    max_delay_ms: int = 3_600_000
    jitter: float = 0.2

    def delay_after(self, failures: int, random: Callable[[], float]) -> int:
        """Milliseconds to wait after the `failures`-th failure, within [delay * (1 - jitter), max_delay].

        Jitter shortens the capped delay, so that jobs that failed together do not all return at once when a
        service has recovered.
        """
        if self.backoff == "fixed":
            delay = self.delay_ms
        elif self.backoff == "linear":
            delay = self.delay_ms * failures
        else:
            delay = self.delay_ms << min(max(failures - 1, 0), _LARGEST_EXPONENT)
        delay = min(delay, self.max_delay_ms)
        return round(delay * (1 - self.jitter * random()))
