"""From what a handler did to what happened: the only place that reads a handler's exceptions."""

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
    """The outcome of a run that was asked to end, when it is not known what its handler did."""
    match run.state:
        case RunState.TIMED_OUT | RunState.UNRESPONSIVE:
            return timed_out(run)
        case RunState.CANCELLED:
            return Stopped()
        case _:
            return Interrupted()


def of_result(run: Run, value: object, limit_bytes: int) -> Outcome:
    """A handler returned. After a timeout that is too late; after a cancel, Redis decides."""
    if run.has_timed_out:
        return timed_out(run)
    try:
        return Succeeded(encode_result(value, limit_bytes))
    except ResultInvalid as error:
        # The side effects have happened: running the job again would repeat them for the same result.
        return Failed(describe(error), retryable=False)


def of_exception(run: Run, error: BaseException) -> Outcome:
    """A handler raised; a cancellation that this worker did not ask for is the handler's own failure."""
    if run.has_timed_out:
        return timed_out(run)
    if run.state is not RunState.RUNNING and _is_cancellation(error):
        return abandoned(run)
    if run.state is RunState.DRAINED and not _is_deliberate(error):
        # It failed because it was asked to end: no attempt is used.
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
            # A node that shuts down ends all processes, also those that their worker has not asked to end.
            return Interrupted() if run.context.draining.is_set() else Crashed(describe(error))
        case _:
            return Failed(describe(error))


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, RemoteFailure):
        return error.kind == "cancelled"
    # A thread that waited for the event loop gets the second.
    return isinstance(error, (asyncio.CancelledError, concurrent.futures.CancelledError))


def _is_deliberate(error: BaseException) -> bool:
    """Whether the handler said what should become of its job, rather than that something went wrong."""
    if isinstance(error, RemoteFailure):
        return error.kind not in ("failed", "cancelled") or error.delay_ms is not None
    return isinstance(error, (Snooze, RateLimited, Retry, NonRetryable, PayloadMismatch))


def _of_remote(error: RemoteFailure) -> Outcome:
    if error.kind == "snooze":
        return Snoozed(error.delay_ms or 0)
    if error.kind == "rate_limited":
        return Throttled(error.delay_ms or 0)
    return Failed(error.failure, retryable=error.kind != "non_retryable", retry_in_ms=error.delay_ms)
