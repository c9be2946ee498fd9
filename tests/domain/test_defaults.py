"""What a job inherits from its type and its queue, and what it says itself."""

from typing import Any

import pytest

from service.api.schemas.jobs import JobSpecIn
from service.domain.catalogue import JobType
from service.domain.defaults import specify
from service.domain.job import JobSpec

TYPE = {
    "queue": "typed",
    "priority": 7,
    "retry": {"max_attempts": 5},
    "timeout_seconds": 70,
    "expires_seconds": 500,
    "deadline_seconds": 600,
    "retention_seconds": 3600,
}
QUEUES = {"typed": {"priority": 1, "retry": {"max_attempts": 9, "delay_seconds": 4}}}


def of_a_request(document: dict[str, Any]) -> JobSpec:
    return JobSpecIn.model_validate(document).spec(JobType("work", None, TYPE), queues=QUEUES)


def of_a_schedule(document: dict[str, Any]) -> JobSpec:
    kept = JobSpecIn.model_validate(document).model_dump(mode="json", exclude_unset=True)
    return specify(kept, TYPE, QUEUES)


@pytest.mark.parametrize("read", [of_a_request, of_a_schedule])
def test_an_absent_field_is_the_types_and_below_that_the_queues(read: Any) -> None:
    spec = read({"name": "work", "retry": {"jitter": 0}})
    assert (spec.queue, spec.priority) == ("typed", 7)
    assert (spec.timeout_ms, spec.expires_ms, spec.deadline_ms, spec.retention_ms) == (
        70_000, 500_000, 600_000, 3_600_000,
    )  # fmt: skip
    assert (spec.retry.max_attempts, spec.retry.delay_ms, spec.retry.max_delay_ms) == (5, 4_000, 3_600_000)


@pytest.mark.parametrize("read", [of_a_request, of_a_schedule])
def test_null_lifts_the_limits_of_the_type(read: Any) -> None:
    spec = read({"name": "work", "expires_seconds": None, "deadline_seconds": None})
    assert (spec.expires_ms, spec.deadline_ms) == (None, None)
