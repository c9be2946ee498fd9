"""Results of a batch, as the error of a request for a single job."""

import pytest

from service.domain.errors import InvalidState, TriageError
from service.domain.results import REFUSALS, Changed, ChangeResult, SubmitResult, Submitted
from service.domain.states import State

REFUSED = {
    SubmitResult.CONFLICT: "unique_conflict",
    SubmitResult.REUSED: "idempotency_key_reused",
    SubmitResult.FULL: "queue_full",
    SubmitResult.TOO_MANY_QUEUES: "too_many_queues",
    SubmitResult.QUOTA_EXCEEDED: "quota_exceeded",
    SubmitResult.SKIPPED: "invalid_state",
}
UNCHANGED = {
    ChangeResult.ILLEGAL: "invalid_state",
    ChangeResult.CONFLICT: "unique_conflict",
    ChangeResult.VERSION: "version_mismatch",
    ChangeResult.MISSING: "not_found",
    ChangeResult.TOO_MANY_QUEUES: "too_many_queues",
    ChangeResult.QUOTA_EXCEEDED: "quota_exceeded",
}


@pytest.mark.parametrize("result", SubmitResult)
def test_a_submission_without_a_job_is_an_error(result: SubmitResult) -> None:
    # A quota that was reached is in place of the id.
    submitted = Submitted(result, "jobs 100" if result is SubmitResult.QUOTA_EXCEEDED else "job_1", None)
    if result not in REFUSED:
        assert submitted.accepted() is submitted
        return
    with pytest.raises(TriageError) as refused:
        submitted.accepted()
    assert refused.value.code == REFUSED[result]
    assert isinstance(refused.value, (*REFUSALS, InvalidState))


@pytest.mark.parametrize("result", ChangeResult)
def test_a_change_that_was_not_made_is_an_error(result: ChangeResult) -> None:
    changed = Changed(result, State.DEAD, 3, "job_2")
    if result not in UNCHANGED:
        assert changed.done() is changed
        return
    with pytest.raises(TriageError) as refused:
        changed.done()
    assert refused.value.code == UNCHANGED[result]


def test_an_error_says_what_a_client_can_do_about_it() -> None:
    illegal = Changed(ChangeResult.ILLEGAL, State.RUNNING, 1).error
    assert isinstance(illegal, InvalidState)
    assert (illegal.current_state, illegal.message) == (State.RUNNING, "The job is running.")
    conflict = Changed(ChangeResult.CONFLICT, State.DEAD, 1, "job_2").error
    assert conflict is not None
    assert conflict.details == {"job_id": "job_2"}
