"""The outcome of a run, and its consequence for the job: only `settle` decides about that."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from service.domain.job import Job
from service.domain.record import record
from service.domain.states import (
    COMPLETE,
    CRASH,
    GIVE_UP,
    REQUEUE,
    RETRY,
    SNOOZE,
    STOP,
    Move,
    Reason,
)

#: A job that kills its process this often while it runs alone in it is poison.
MAX_CRASHES = 3
#: The limit of the freeze of a job type, even if the service asked for more.
MAX_TYPE_FREEZE_MS = 300_000
#: A deferral gets longer by up to this share, at most by so many ms, so that jobs do not return together.
JITTER, JITTER_AT_MOST_MS = 0.1, 5_000
#: How many immediate retries handlers may request: arq's default.
IMMEDIATE_RETRIES = 5
#: A job that was lost with its worker more often than this waits before it runs again, since it may be what
#: kills the workers. The wait, in milliseconds, doubles with each loss up to a limit.
FREE_LOSSES = 3
FIRST_REST_MS, LONGEST_REST_MS = 10_000, 600_000


def rest_ms(losses: int) -> int:
    """How long a job waits after so many losses with its worker; 0 returns it to the queue at once."""
    return (
        0 if losses <= FREE_LOSSES else min(FIRST_REST_MS * 2 ** (losses - FREE_LOSSES - 1), LONGEST_REST_MS)
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, already shortened and without control characters."""

    type: str
    message: str
    traceback: str = ""


@record
class Succeeded:
    """The handler returned; `result` is JSON text within the size limit."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, or exceeded its timeout. `retry_in_ms` is the delay that the handler requested."""

    failure: Failure
    retryable: bool = True
    retry_in_ms: int | None = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The handler asked for a later run; no attempt is used."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Throttled:
    """A service limits the handler's calls: freezes the job's limit key, or its type without one."""

    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The worker is shutting down; no attempt is used and the job keeps its place."""


@dataclass(frozen=True, slots=True)
class Crashed:
    """The process that ran this job alone died; `failure` says how."""

    failure: Failure


@dataclass(frozen=True, slots=True)
class Stopped:
    """The run ended because of a cancel request."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The run never began: past its deadline, expired, or not decodable."""

    reason: Reason
    failure: Failure | None = None


Outcome = Succeeded | Failed | Snoozed | Throttled | Interrupted | Crashed | Stopped | Refused

Counter = Literal["", "failures", "interruptions", "crashes", "deferrals"]


@dataclass(frozen=True, slots=True)
class DeferralPolicy:
    """Limits of deferrals: the shortest delay, and how many within one attempt."""

    min_delay_ms: int = 1_000
    max_deferrals: int = 100


DEFERRALS = DeferralPolicy()


@record
class Settlement:
    """A fenced move and the values to store. `delay_ms` counts from the time at which Redis applies it."""

    move: Move
    reason: Reason | None = None
    delay_ms: int = 0
    #: For how long to freeze the job's limit key, or its type in its queue.
    freeze_ms: int = 0
    counts: Counter = ""
    result: bytes | None = None
    failure: Failure | None = None
    retryable: bool = field(default=False)


def settle(
    job: Job,
    outcome: Outcome,
    now_ms: int,
    random: Callable[[], float],
    deferrals: DeferralPolicy = DEFERRALS,
) -> Settlement:
    """Decide what happens to `job`; only a failure or timeout of the handler uses an attempt.

    Redis cancels the job instead if there is a cancel request by then.
    """
    match outcome:
        case Succeeded():
            return Settlement(COMPLETE, result=outcome.result)
        case Snoozed() | Throttled():
            if job.deferrals >= deferrals.max_deferrals:
                return _settle_failure(job, _too_many(job.deferrals), now_ms, random, deferrals)
            return _defer(job, outcome, random, deferrals)
        case Interrupted():
            return Settlement(REQUEUE, counts="interruptions")
        case Stopped():
            return Settlement(STOP, reason=Reason.REQUESTED)
        case Refused(reason, failure):
            return Settlement(GIVE_UP, reason=reason, failure=failure)
        case Crashed(failure):
            if job.crashes + 1 >= MAX_CRASHES:
                return Settlement(GIVE_UP, reason=Reason.POISON, counts="crashes", failure=failure)
            return Settlement(CRASH, counts="crashes", failure=failure, retryable=True)
        case Failed():
            return _settle_failure(job, outcome, now_ms, random, deferrals)


def _defer(
    job: Job, outcome: Snoozed | Throttled, random: Callable[[], float], deferrals: DeferralPolicy
) -> Settlement:
    asked = outcome.delay_ms if isinstance(outcome, Snoozed) else outcome.retry_in_ms
    delay_ms = max(asked, deferrals.min_delay_ms)
    delay_ms += round(min(delay_ms * JITTER, JITTER_AT_MOST_MS) * random())
    if isinstance(outcome, Snoozed):
        return Settlement(SNOOZE, delay_ms=delay_ms, counts="deferrals")
    if job.limit_key is not None or delay_ms <= MAX_TYPE_FREEZE_MS:
        return Settlement(REQUEUE, freeze_ms=delay_ms, counts="deferrals")
    # This job waits the whole delay; others of its type may call another service, so their freeze is bounded.
    return Settlement(SNOOZE, delay_ms=delay_ms, freeze_ms=MAX_TYPE_FREEZE_MS, counts="deferrals")


def _too_many(times: int) -> Failed:
    message = f"The handler deferred this attempt {times} times (Snooze or RateLimited), which is the limit."
    return Failed(Failure("TooManyDeferrals", message))


def _settle_failure(
    job: Job, failed: Failed, now_ms: int, random: Callable[[], float], deferrals: DeferralPolicy
) -> Settlement:
    if not failed.retryable:
        return Settlement(GIVE_UP, reason=Reason.NON_RETRYABLE, counts="failures", failure=failed.failure)
    failures = job.failures + 1
    if failures >= job.retry.max_attempts:
        return Settlement(GIVE_UP, reason=Reason.EXHAUSTED, counts="failures", failure=failed.failure)
    if failed.retry_in_ms is None:
        delay_ms = job.retry.delay_after(failures, random)
    else:
        floor_ms = 0 if failures <= IMMEDIATE_RETRIES else deferrals.min_delay_ms
        delay_ms = max(failed.retry_in_ms, floor_ms)
    if job.deadline_at is not None and now_ms + delay_ms >= job.deadline_at:
        # A retry after the deadline could never start.
        return Settlement(GIVE_UP, reason=Reason.DEADLINE, counts="failures", failure=failed.failure)
    return Settlement(RETRY, delay_ms=delay_ms, counts="failures", failure=failed.failure, retryable=True)
