"""Turns what a handler returned or raised into an outcome; no other module reads a handler's exceptions."""

import asyncio
import concurrent.futures

from arq.worker import Retry

from service.domain.outcome import (
    Crashed,
    Failed,
    Failure,
    Interrupted,
    Outcome,
    Snoozed,
    Stopped,
    Succeeded,
    Throttled,
)
from workers.calls.invocation import PayloadMismatch, ResultInvalid, describe, encode_result
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.runners import RemoteFailure, SubprocessDied
from workers.handler import NonRetryable, RateLimited, Snooze


def timed_out(run: Run) -> Failed:
    message = f"The handler did not end within {run.times.timeout:g} seconds."
    return Failed(Failure("TimeoutError", message), timed_out=True)


def abandoned(run: Run) -> Outcome:
    """The outcome of a stopped run whose handler has not returned."""
    match run.state:
        case RunState.TIMED_OUT | RunState.UNRESPONSIVE:
            return timed_out(run)
        case RunState.CANCELLED:
            return Stopped()
        case _:
            return Interrupted()


def of_result(run: Run, value: object, limit_bytes: int) -> Outcome:
    """The outcome when the handler returned: too late after a timeout; after a cancel, Redis decides."""
    if run.has_timed_out:
        return timed_out(run)
    try:
        return Succeeded(encode_result(value, limit_bytes))
    except ResultInvalid as error:
        # The side effects have happened, and a retry would repeat them only to return the same result.
        return Failed(describe(error), retryable=False)


def of_exception(run: Run, error: BaseException) -> Outcome:
    """The outcome when the handler raised; a cancellation that this worker did not request is a failure."""
    if run.has_timed_out:
        return timed_out(run)
    if run.state is not RunState.RUNNING and _is_cancellation(error):
        return abandoned(run)
    if run.state is RunState.DRAINED and not _is_deliberate(error):
        # The handler failed because the worker stopped it: this uses no attempt.
        return Interrupted()
    match error:
        case Snooze():
            return Snoozed(error.delay_ms)
        case RateLimited():
            return Throttled(error.delay_ms)
        case Retry():
            return Failed(describe(error), retry_in_ms=error.defer_score or 0)
        case NonRetryable() | PayloadMismatch():
            return Failed(describe(error), retryable=False)
        case RemoteFailure():
            return _of_remote(error)
        case SubprocessDied():
            # A node that shuts down also kills subprocesses that the worker has not stopped.
            return Interrupted() if run.context.draining.is_set() else Crashed(describe(error))
        case _:
            return Failed(describe(error))


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, RemoteFailure):
        return error.kind == "cancelled"
    # The second is raised in a thread that was waiting for the event loop.
    return isinstance(error, (asyncio.CancelledError, concurrent.futures.CancelledError))


def _is_deliberate(error: BaseException) -> bool:
    """Whether the handler decided what should happen to its job, rather than just failed."""
    if isinstance(error, RemoteFailure):
        return error.kind not in ("failed", "cancelled") or error.delay_ms is not None
    return isinstance(error, (Snooze, RateLimited, Retry, NonRetryable, PayloadMismatch))


def _of_remote(error: RemoteFailure) -> Outcome:
    if error.kind == "snooze":
        return Snoozed(error.delay_ms or 0)
    if error.kind == "rate_limited":
        return Throttled(error.delay_ms or 0)
    return Failed(error.failure, retryable=error.kind != "non_retryable", retry_in_ms=error.delay_ms)
