"""What a Redis error means to a caller: nothing happened, it may have happened, or there is no room."""

import asyncio

import structlog
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
)

from service.domain.errors import BackendUnavailable, OutcomeUnknown, StorageFull, StoreFault, TriageError

log = structlog.get_logger("triage.store")

#: Answers of a server that runs but cannot take this write now: it applied nothing. redis-py has classes for
#: some of them and takes the word out of the message of those; the others begin with it.
_REFUSED = (AuthenticationError, BusyLoadingError, NoPermissionError, ReadOnlyError)
_REFUSALS = ("BUSY", "NOREPLICAS", "MISCONF", "MASTERDOWN", "CLUSTERDOWN")


def _never_sent(error: BaseException) -> bool:
    # redis-py has no type of its own for a failed connect; both of its messages say so.
    return any(
        mark in str(error) for mark in ("connecting to", "max number of clients", "No connection available")
    )


def is_transient(error: BaseException) -> bool:
    """Whether the connection broke under a call, so that sending it again at once may succeed."""
    if isinstance(error, (AuthenticationError, BusyLoadingError)):
        return False
    return isinstance(error, (ConnectionError, OSError)) and not _never_sent(error)


def translate(error: BaseException, *, wrote: bool) -> TriageError:
    """The error that the rest of Triage sees instead of redis-py's.

    `wrote`: the call may have changed something, so that a lost reply leaves open whether it did.
    """
    message = str(error)
    if isinstance(error, OutOfMemoryError):
        return StorageFull()
    if isinstance(error, _REFUSED):
        return BackendUnavailable()
    if isinstance(error, ResponseError) and message.startswith(_REFUSALS):
        return BackendUnavailable()
    if isinstance(error, (ConnectionError, TimeoutError, OSError, asyncio.TimeoutError)):
        return OutcomeUnknown() if wrote and not _never_sent(error) else BackendUnavailable()
    # For the log alone: it may name scripts, keys and addresses.
    log.error("redis_refused_a_call", error=message[:500])
    return StoreFault()
