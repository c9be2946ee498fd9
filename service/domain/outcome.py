"""What happened in a run, and what becomes of the job: `settle` is the only place that decides."""

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

#: A job that kills its process this often while it runs alone in it is poison (promise G6).
MAX_CRASHES = 3
#: Without a limit key a job type rests this long at most, whatever one of its jobs was told.
MAX_TYPE_FREEZE_MS = 300_000
#: A deferral is lengthened by up to this share, at most by so many ms: jobs must not come back in step.
JITTER, JITTER_AT_MOST_MS = 0.1, 5_000
#: Retries that a handler may ask for at once: as many as arq allows by default.
IMMEDIATE_RETRIES = 5
#: A job that was lost with its worker more often than this waits before it runs again: milliseconds, doubled
#: by each further loss up to the last. It may be what ends the workers, and nobody can know.
FREE_LOSSES = 3
FIRST_REST_MS, LONGEST_REST_MS = 10_000, 600_000


def rest_ms(losses: int) -> int:
    """How long a job waits that was lost with its worker so often; 0 is back to the queue at once."""
    return (
        0 if losses <= FREE_LOSSES else min(FIRST_REST_MS * 2 ** (losses - FREE_LOSSES - 1), LONGEST_REST_MS)
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is kept: already bounded and free of control characters."""

    type: str
    message: str
    traceback: str = ""


@record
class Succeeded:
    """The handler returned; `result` is JSON text within the size limit."""

    result: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The handler raised, or its time ran out. `retry_in_ms` is what the handler itself asked for."""

    failure: Failure
    retryable: bool = True
    retry_in_ms: int | None = None
    timed_out: bool = False


@dataclass(frozen=True, slots=True)
class Snoozed:
    """The handler asked to be run later; no attempt is used."""

    delay_ms: int


@dataclass(frozen=True, slots=True)
class Throttled:
    """A service that the handler calls wants fewer calls: the job's limit key, or else its type, rests."""

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
    """Bounds for handlers that ask for later: how soon at least, and how often within one attempt."""

    min_delay_ms: int = 1_000
    max_deferrals: int = 100


DEFERRALS = DeferralPolicy()


@record
class Settlement:
    """One fenced move with what it writes. `delay_ms` counts from the moment that Redis applies it."""

    move: Move
    reason: Reason | None = None
    delay_ms: int = 0
    #: How long the job's limit key, or its type in its queue, starts nothing.
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
    """Decide what becomes of `job`; only a handler's own failure or timeout uses up an attempt (promise G4).

    Redis turns the settlement into a cancellation when a cancel was requested meanwhile.
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
    # The job waits as long as it was told; jobs that may well call another service do not.
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
        # A retry that could only start after the deadline would wait just to be buried.
        return Settlement(GIVE_UP, reason=Reason.DEADLINE, counts="failures", failure=failed.failure)
    return Settlement(RETRY, delay_ms=delay_ms, counts="failures", failure=failed.failure, retryable=True)
