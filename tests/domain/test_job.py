"""Derived attributes of a job."""

from dataclasses import replace

import pytest

from service.domain.states import State
from tests.workers.reporting import lease


@pytest.mark.parametrize(
    ("state", "reason", "failures", "attempt"),
    [
        ("queued", None, 0, 1),
        ("running", None, 1, 2),
        ("succeeded", None, 1, 2),
        ("dead", "non_retryable", 1, 1),
        ("dead", "exhausted", 3, 3),
        ("dead", "expired", 0, 1),
        ("dead", "deadline", 2, 2),
        ("dead", "poison", 1, 2),
    ],
)
def test_the_attempt_is_the_one_that_runs_or_was_the_last(
    state: str, reason: str | None, failures: int, attempt: int
) -> None:
    job = replace(lease().job, state=State(state), state_reason=reason, failures=failures)
    assert job.attempt == attempt
