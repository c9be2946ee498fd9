"""The meaning of an exception after a request to stop the run."""

from typing import Any

import pytest

from service.domain.outcome import Failed, Failure, Interrupted, Snoozed, Throttled
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.calls.invocation import PayloadMismatch
from workers.engine.runs.outcomes import of_exception
from workers.engine.runs.run import Run, RunState
from workers.engine.runs.runners import RemoteFailure
from workers.handler import NonRetryable, RateLimited, Retry, Snooze
from workers.handling.registry import handler_of

pytestmark = pytest.mark.anyio


async def work(ctx: Any) -> None: ...


def run_that_was_asked(stop: RunState | None) -> Run:
    run = Run(lease(), handler_of(work), context(Notes()), slot(), times())
    if stop is not None:
        run.enter(stop)
    return run


def remote(kind: Any, delay_ms: int | None = None) -> RemoteFailure:
    return RemoteFailure(kind, Failure("ValueError", "no"), delay_ms)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionError("closed"), Interrupted),
        (SystemExit(1), Interrupted),
        (remote("failed"), Interrupted),
        (remote("cancelled"), Interrupted),
        (NonRetryable("no"), Failed),
        (PayloadMismatch("no"), Failed),
        (Retry(defer=5), Failed),
        (remote("failed", 5_000), Failed),
        (remote("non_retryable"), Failed),
        (Snooze(5), Snoozed),
        (RateLimited(5), Throttled),
        (remote("snooze", 5_000), Snoozed),
    ],
)
async def test_a_drain_uses_no_attempt_unless_the_handler_decides_otherwise(
    error: BaseException, kind: type
) -> None:
    assert isinstance(of_exception(run_that_was_asked(RunState.DRAINED), error), kind)


@pytest.mark.parametrize("error", [ConnectionError("closed"), remote("failed"), remote("cancelled")])
async def test_any_exception_after_a_timeout_is_the_timeout(error: BaseException) -> None:
    outcome = of_exception(run_that_was_asked(RunState.TIMED_OUT), error)
    assert isinstance(outcome, Failed)
    assert outcome.timed_out


async def test_a_failure_without_a_stop_request_is_a_failure() -> None:
    for error in (ConnectionError("closed"), remote("failed"), remote("cancelled")):
        assert isinstance(of_exception(run_that_was_asked(None), error), Failed)
