"""The quota of requests per second of a namespace in this process, and the RateLimit headers."""

from service.clock import Clock
from service.domain.errors import QuotaExceeded
from service.domain.tenant import Policy


class RequestRate:
    """A token bucket of one second's requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = 0.0
        self._at: float | None = None

    def take(self, policy: Policy) -> str | None:
        """Count a request; returns the lines of its RateLimit headers, None without a quota.

        The headers follow draft-ietf-httpapi-ratelimit-headers-10. Raises QuotaExceeded.
        """
        limit, submissions = policy.quota("requests_per_second"), policy.quota("submissions_per_second")
        if limit is None:
            return None
        now = self._clock.monotonic()
        since = now - self._at if self._at is not None else 1.0
        self._left = min(float(limit), self._left + since * limit)
        self._at = now
        named = "" if submissions is None else f', "submissions";q={submissions};w=1'
        policies = f'RateLimit-Policy: "requests";q={limit};w=1{named}\r\n'
        if self._left < 1:
            error = QuotaExceeded.of("requests_per_second", limit)
            error.headers = f'{policies}RateLimit: "requests";r=0;t=1\r\n'
            raise error
        self._left -= 1
        return f'{policies}RateLimit: "requests";r={int(self._left)};t=1\r\n'
