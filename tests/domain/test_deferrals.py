"""Handlers that ask to run later: never at once, never in lockstep, and not indefinitely."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.job import Job
from service.domain.outcome import (
    DeferralPolicy,
    Failed,
    Failure,
    Outcome,
    Settlement,
    Snoozed,
    Throttled,
    settle,
)
from service.domain.retry import RetryPolicy
from service.domain.states import GIVE_UP, REQUEUE, RETRY, SNOOZE, Reason, State

JOB = Job(
    id="job_1",
    version=2,
    name="work",
    queue="default",
    state=State.RUNNING,
    priority=100,
    payload=b"{}",
    created_at=0,
    run_at=0,
    retry=RetryPolicy(max_attempts=3, delay_ms=7_000, jitter=0),
    timeout_ms=1_000,
    retention_ms=1_000,
)
KEYED = replace(JOB, limit_key="acme")
POLICY = DeferralPolicy(min_delay_ms=1_000, max_deferrals=100)


def decide(outcome: Outcome, random: float = 0.0, job: Job = JOB, **fields: Any) -> Settlement:
    return settle(replace(job, **fields), outcome, 0, lambda: random, POLICY)


@pytest.mark.parametrize("asked", [-5_000, 0, 1, 999])
def test_no_job_returns_sooner_than_the_floor(asked: int) -> None:
    snooze = decide(Snoozed(asked))
    assert (snooze.move, snooze.delay_ms, snooze.counts) == (SNOOZE, 1_000, "deferrals")
    freeze = decide(Throttled(asked), job=KEYED)
    assert (freeze.move, freeze.freeze_ms, freeze.counts) == (REQUEUE, 1_000, "deferrals")


def test_jitter_only_lengthens_and_by_a_tenth_or_five_seconds() -> None:
    assert decide(Snoozed(0), random=1.0).delay_ms == 1_100
    assert decide(Snoozed(20_000), random=0.5).delay_ms == 21_000
    assert decide(Snoozed(3_600_000), random=1.0).delay_ms == 3_605_000
    assert decide(Throttled(20_000), random=0.5, job=KEYED).freeze_ms == 21_000


@pytest.mark.parametrize("outcome", [Snoozed(60_000), Throttled(60_000)])
def test_an_attempt_may_be_deferred_a_limited_number_of_times(outcome: Outcome) -> None:
    last = decide(outcome, deferrals=99)
    assert (last.counts, last.failure) == ("deferrals", None)
    failed = decide(outcome, deferrals=100)
    assert (failed.move, failed.counts, failed.delay_ms) == (RETRY, "failures", 7_000)
    assert failed.failure is not None
    assert failed.failure.type == "TooManyDeferrals"
    assert "100 times" in failed.failure.message
    dead = decide(outcome, deferrals=100, failures=2)
    assert (dead.move, dead.reason) == (GIVE_UP, Reason.EXHAUSTED)


def test_without_a_limit_key_the_type_rests_at_most_five_minutes() -> None:
    short = decide(Throttled(300_000))
    assert (short.move, short.freeze_ms, short.delay_ms) == (REQUEUE, 300_000, 0)
    long = decide(Throttled(3_600_000))
    assert (long.move, long.freeze_ms, long.delay_ms) == (SNOOZE, 300_000, 3_600_000)
    keyed = decide(Throttled(3_600_000), job=KEYED)
    assert (keyed.move, keyed.freeze_ms, keyed.delay_ms) == (REQUEUE, 3_600_000, 0)


@pytest.mark.parametrize("asked", [-5_000, 0, 20])
def test_the_retries_that_a_handler_asks_for_slow_down_after_as_many_as_arq_allows(asked: int) -> None:
    failed = Failed(Failure("Retry", "again"), retry_in_ms=asked)
    many = RetryPolicy(max_attempts=1_000)
    for failures in range(5):
        assert decide(failed, retry=many, failures=failures).delay_ms == max(0, asked)
    assert decide(failed, retry=many, failures=5).delay_ms == 1_000


def test_a_retry_policy_is_followed() -> None:
    policy = RetryPolicy(max_attempts=1_000, delay_ms=0, jitter=0)
    assert decide(Failed(Failure("ValueError", "x")), retry=policy, failures=500).delay_ms == 0
