"""Translates Redis errors by what they mean: not applied, unknown, or storage full."""

import asyncio

import structlog
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    ConnectionError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,
    TryAgainError,
)

from service.domain.errors import (
    BackendUnavailable,
    OutcomeUnknown,
    QuotaExceeded,
    StorageFull,
    StoreFault,
    TriageError,
)

log = structlog.get_logger("triage.store")

#: Errors of a server that cannot accept a write now and has applied nothing. redis-py has classes for some
#: and removes the error code from their messages; other messages begin with it.
_REFUSED = (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    ReadOnlyError,
    TryAgainError,
)
#: From lib/quotas.lua.
_QUOTA = "QUOTA "
_REFUSALS = ("BUSY", "NOREPLICAS", "MISCONF", "MASTERDOWN", "CLUSTERDOWN")


def _never_sent(error: BaseException) -> bool:
    # redis-py has no error type for a failed connect, only these messages.
    return any(
        mark in str(error) for mark in ("connecting to", "max number of clients", "No connection available")
    )


def is_transient(error: BaseException) -> bool:
    """Whether the connection broke during a call, so that an immediate retry may succeed."""
    if isinstance(error, (AuthenticationError, BusyLoadingError)):
        return False
    return isinstance(error, (ConnectionError, OSError)) and not _never_sent(error)


def translate(error: BaseException, *, wrote: bool) -> TriageError:
    """The domain error for an error of redis-py.

    `wrote`: the call may write, so if its reply is lost, the outcome is unknown.
    """
    message = str(error)
    if isinstance(error, OutOfMemoryError):
        return StorageFull()
    if isinstance(error, _REFUSED):
        return BackendUnavailable()
    if isinstance(error, ResponseError) and message.startswith(_QUOTA):
        return QuotaExceeded.read(message.removeprefix(_QUOTA))
    if isinstance(error, ResponseError) and message.startswith(_REFUSALS):
        return BackendUnavailable()
    if isinstance(error, (ConnectionError, TimeoutError, OSError, asyncio.TimeoutError)):
        return OutcomeUnknown() if wrote and not _never_sent(error) else BackendUnavailable()
    # Only in the log, because the message may name scripts, keys and addresses.
    log.error("redis_refused_a_call", error=message[:500])
    return StoreFault()
