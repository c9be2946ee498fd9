"""When to retry a request, and after which pause."""

from dataclasses import dataclass

import httpx

from triage_client._core.requests import Repeat
from triage_client.errors import ApiError, NoResponse, TriageError, UnexpectedResponse

#: The first pause and the longest, in seconds.
FIRST, LONGEST = 0.25, 8.0
#: The longest outage while the client waits, and the longest Retry-After that it follows, in seconds.
PATIENCE = 60.0
#: Statuses of a proxy after which the same request may succeed.
GATEWAY = (408, 429, 502, 503, 504)
#: The API responds with these codes although it may have applied the request.
MAYBE_APPLIED = ("outcome_unknown", "shutting_down")
#: Memory does not become free while a client waits.
LASTING = ("storage_full",)


class Outage:
    """Failures in a row while a program waits or reads a stream; it ends with the first success."""

    def __init__(self) -> None:
        self._failures = 0
        self._since = 0.0

    def end(self) -> None:
        self._failures = 0

    def pause(self, error: TriageError | None, now: float, jitter: float) -> float:
        """The pause before the next attempt, in seconds; `error` is None for a stream that ended too early.

        Raises the error if it lasts.
        """
        self._failures += 1
        if self._failures == 1:
            self._since = now
        if error is not None and (now - self._since > PATIENCE or not may_repeat(error, Repeat.SAFE)):
            raise error
        return backoff(self._failures, jitter)


@dataclass(frozen=True)
class Failure:
    """A request that failed."""

    error: TriageError
    #: How often it was sent.
    attempt: int


def pause_before(failure: Failure, repeat: Repeat, max_retries: int, jitter: float) -> float | None:
    """The pause before the next attempt, in seconds; None to give up. `jitter` is random, from 0 to 1."""
    if failure.attempt > max_retries or not may_repeat(failure.error, repeat):
        return None
    asked = failure.error.retry_after if isinstance(failure.error, ApiError) else None
    if asked is not None and asked > PATIENCE:
        return None
    return max(asked or 0.0, backoff(failure.attempt, jitter))


def backoff(attempt: int, jitter: float) -> float:
    # Half of it is random, so that clients that failed together do not return together.
    return min(LONGEST, FIRST * 2 ** min(attempt - 1, 10)) * (0.5 + jitter / 2)


def may_repeat(error: TriageError, repeat: Repeat) -> bool:
    safe = repeat is Repeat.SAFE
    match error:
        case ApiError():
            if error.code in LASTING or not error.retryable:
                return False
            return safe or error.code not in MAYBE_APPLIED
        case UnexpectedResponse():
            return safe and error.status in GATEWAY
        case NoResponse():
            return safe or not error.maybe_applied
        case _:
            return False


def no_response(address: str, source: str, error: Exception) -> NoResponse:
    """The exception for a request without a response."""
    unsent = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    kind = type(error).__name__
    text = f"{address}{source} cannot be reached: {error or kind}"
    if not unsent:
        text = f"{address} did not respond: {error or kind}"
    return NoResponse(text, maybe_applied=not unsent)
