"""A run is always in one state: which state may follow which, and that its outcome is decided once."""

from itertools import product

import pytest

from service.domain.outcome import Interrupted, Succeeded
from tests.workers.execution import Execution
from tests.workers.reporting import Notes, context, lease, slot, times
from workers.calls.invocation import Handler
from workers.engine.runs.run import MOVES, Run, RunState

pytestmark = pytest.mark.anyio

ACTIVE = [state for state in RunState if state is not RunState.CONCLUDED]


async def _work(ctx: object) -> None: ...


def run_in(state: RunState) -> Run:
    handler = Handler("scripted", _work, "async", __name__, None)
    return Run(lease(), handler, context(Notes()), slot(), times(), state)


async def test_a_run_enters_only_the_states_that_may_follow() -> None:
    refused = set[tuple[RunState, RunState]]()
    for source, target in product(RunState, RunState):
        run = run_in(source)
        try:
            run.enter(target)
        except AssertionError:
            refused.add((source, target))
        assert run.state is (source if (source, target) in refused else target)
    allowed = {(source, target) for source, targets in MOVES.items() for target in targets}
    assert refused == set(product(RunState, RunState)) - allowed


def test_a_run_without_its_lease_never_gets_it_back_and_every_run_can_be_concluded() -> None:
    for state in (RunState.LEASE_LOST, RunState.WAITING_FOR_CHILDREN):
        assert MOVES[state] == {RunState.CONCLUDED}
    assert all(RunState.CONCLUDED in MOVES[state] for state in ACTIVE)
    assert not MOVES[RunState.CONCLUDED]


def test_only_a_run_past_its_timeout_may_keep_its_lease_beyond_the_grace() -> None:
    """Only its retry has to wait; a cancelled or drained run is decided when its grace ends."""
    sources = [state for state, targets in MOVES.items() if RunState.UNRESPONSIVE in targets]
    assert sources == [RunState.TIMED_OUT]


@pytest.mark.parametrize("state", ACTIVE)
async def test_a_run_is_concluded_once_and_written_if_it_owns_its_job(state: RunState) -> None:
    it = Execution()
    run = run_in(state)
    it.executor.runs.add(run)
    it.executor.runs.conclude(run, Interrupted())
    it.executor.runs.conclude(run, Succeeded(b"1"))
    owns_job = state not in (RunState.LEASE_LOST, RunState.WAITING_FOR_CHILDREN)
    assert [finish.settlement.move.name for finish in it.finishes] == ["requeue"] * owns_job
    assert (it.runs, run.state) == ({}, RunState.CONCLUDED)
