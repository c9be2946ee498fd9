"""Every move from every state, on a real server: the specification of the machine."""

import pytest

from service.domain.states import CANCEL, FINISHED, MOVES, REDRIVE, RUN_NOW, State
from service.store.namespace import Namespace
from tests.support import factories
from tests.support.factories import BROKEN, HOPELESS, LATER, OK, job_in, state_of

pytestmark = pytest.mark.anyio

STATES = list(State)
OUTCOMES = {"complete": OK, "retry": BROKEN, "give_up": HOPELESS, "snooze": LATER}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", sorted(OUTCOMES))
async def test_a_fenced_move_is_accepted_from_running_alone(
    stores: Namespace, name: str, state: State
) -> None:
    id, lease = await job_in(stores, state)
    if lease is None:
        lease = factories.Lease(job=(await stores.queries.job(id)), token="1:nobody")  # type: ignore[arg-type]
    before = await state_of(stores, id)
    word = await factories.finish(stores, lease, OUTCOMES[name])
    move = MOVES[name]
    assert move.fenced
    if move.permits(state):
        assert word == "moved"
        assert await state_of(stores, id) == move.target
    else:
        assert word in ("stale", "duplicate")
        assert await state_of(stores, id) == before


@pytest.mark.parametrize("state", STATES)
async def test_cancel_moves_what_waits_and_asks_what_runs(stores: Namespace, state: State) -> None:
    id, _ = await job_in(stores, state)
    moved = (await stores.jobs.cancel([id], 60_000))[0]
    if state is State.RUNNING:
        assert (moved.word, moved.state) == ("requested", State.RUNNING)
    elif CANCEL.permits(state):
        assert (moved.word, await state_of(stores, id)) == ("moved", State.CANCELLED)
    else:
        assert (moved.word, await state_of(stores, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_redrive_moves_dead_and_cancelled_jobs_alone(stores: Namespace, state: State) -> None:
    id, _ = await job_in(stores, state)
    moved = (await stores.jobs.redrive([id]))[0]
    if REDRIVE.permits(state):
        job = await stores.queries.job(id)
        assert job is not None
        assert (moved.word, job.state, job.failures, job.crashes, job.redriven) == (
            "moved",
            State.QUEUED,
            0,
            0,
            1,
        )
        assert (job.error, job.state_reason, job.finished_at) == (None, None, None)
    else:
        assert (moved.word, await state_of(stores, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_run_now_moves_what_waits_for_its_time_alone(stores: Namespace, state: State) -> None:
    id, _ = await job_in(stores, state)
    moved = (await stores.jobs.run_now([id]))[0]
    if RUN_NOW.permits(state):
        assert (moved.word, await state_of(stores, id)) == ("moved", State.QUEUED)
    else:
        assert (moved.word, await state_of(stores, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_only_finished_jobs_can_be_deleted(stores: Namespace, state: State) -> None:
    id, _ = await job_in(stores, state)
    moved = (await stores.jobs.delete([id]))[0]
    if state in FINISHED:
        assert (moved.word, await state_of(stores, id)) == ("moved", None)
    else:
        assert (moved.word, await state_of(stores, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_rescue_moves_running_jobs_with_an_expired_lease_alone(stores: Namespace, state: State) -> None:
    id, lease = await job_in(stores, state)
    now = (await stores.queries.job(id)).created_at + 61_000  # type: ignore[union-attr]
    rescue = await stores.leases.rescue(15_000, now=str(now))
    # The first look after a silence holds off; by the second the holder had its chance.
    rescue = await stores.leases.rescue(15_000, now=str(now + 15_001))
    if state is State.RUNNING:
        job = await stores.queries.job(id)
        assert job is not None
        assert rescue.rescued == [id]
        assert (job.state, job.crashes, job.failures) == (State.QUEUED, 0, 0)
        assert lease is not None
        assert await factories.finish(stores, lease, OK) == "stale"
    else:
        assert (rescue.rescued, await state_of(stores, id)) == ([], state)
