"""What happened in a run, and what becomes of the job: `settle` is the only place that decides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from service.domain.job import Job
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

#: A job that kills its process this often is poison (promise G6).
MAX_CRASHES = 3


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is kept: already bounded and free of control characters."""

    type: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
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
    """Too many calls for whom the handler talks to: the job's limit key, or its queue, rests until then."""

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
    """The run ended because its job was asked to be cancelled."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The run never began: past its deadline, expired, or not decodable."""

    reason: Reason
    failure: Failure | None = None


Outcome = Succeeded | Failed | Snoozed | Throttled | Interrupted | Crashed | Stopped | Refused

Counter = Literal["", "failures", "interruptions", "crashes"]


@dataclass(frozen=True, slots=True)
class Settlement:
    """One fenced move with what it writes. `delay_ms` counts from the moment that Redis applies it."""

    move: Move
    reason: Reason | None = None
    delay_ms: int = 0
    counts: Counter = ""
    result: bytes | None = None
    failure: Failure | None = None
    retryable: bool = field(default=False)


def settle(job: Job, outcome: Outcome, now_ms: int, random: Callable[[], float]) -> Settlement:
    """Decide what becomes of `job`; only a handler's own failure or timeout uses up an attempt (promise G4).

    Redis turns the settlement into a cancellation when a cancel was requested meanwhile.
    """
    match outcome:
        case Succeeded(result):
            return Settlement(COMPLETE, result=result)
        case Snoozed(delay_ms):
            return Settlement(SNOOZE, delay_ms=delay_ms)
        case Throttled(retry_in_ms):
            return Settlement(REQUEUE, delay_ms=max(1, retry_in_ms))
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
            return _settle_failure(job, outcome, now_ms, random)


def _settle_failure(job: Job, failed: Failed, now_ms: int, random: Callable[[], float]) -> Settlement:
    if not failed.retryable:
        return Settlement(GIVE_UP, reason=Reason.NON_RETRYABLE, counts="failures", failure=failed.failure)
    failures = job.failures + 1
    if failures >= job.retry.max_attempts:
        return Settlement(GIVE_UP, reason=Reason.EXHAUSTED, counts="failures", failure=failed.failure)
    delay_ms = (
        failed.retry_in_ms if failed.retry_in_ms is not None else job.retry.delay_after(failures, random)
    )
    if job.deadline_at is not None and now_ms + delay_ms >= job.deadline_at:
        # A retry that could only start after the deadline would wait just to be buried.
        return Settlement(GIVE_UP, reason=Reason.DEADLINE, counts="failures", failure=failed.failure)
    return Settlement(RETRY, delay_ms=delay_ms, counts="failures", failure=failed.failure, retryable=True)
