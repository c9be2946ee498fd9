"""Every move from every state, on a real server: the specification of the state machine."""

from typing import Any

import pytest
from redis.exceptions import ResponseError

from service.domain.errors import InvalidState
from service.domain.states import CANCEL, FINISHED, MOVES, REDRIVE, RUN_NOW, State
from service.store.namespace import Namespace
from service.store.redis import keys, lua_source
from tests.support import factories
from tests.support.factories import BROKEN, HOPELESS, LATER, OK, job_in, state_of

pytestmark = pytest.mark.anyio

STATES = list(State)
OUTCOMES = {"complete": OK, "retry": BROKEN, "give_up": HOPELESS, "snooze": LATER}


#: A bare move, by the one function that commands use to change a state.
MOVE = lua_source.assemble("""#!lua
-- Uses: jobs, consequences
local job = jobs.load(ARGV[2])
jobs.move(ARGV[2], job, ARGV[3], 1, {'score', 1, 'state_reason', 'exhausted'}, ARGV[4])
consequences.flush()
return job.state
""")


async def move(store: Namespace, id: str, name: str, token: str) -> str | None:
    """The state that the job has afterwards; None when the move is refused."""
    redis: Any = store.scripts.redis
    try:
        return (await redis.eval(MOVE, 1, store.scripts.prefix, "", id, name, token)).decode()
    except ResponseError as error:
        if f"may not {name}" in str(error):
            return None
        raise


async def sets_with(store: Namespace, id: str) -> list[State]:
    names = [keys.state(store.scripts.prefix, queue="default", state=state) for state in STATES]
    scores = await store.queries.pipeline(lambda pipe: [pipe.zscore(name, id) for name in names])
    return [state for state, score in zip(STATES, scores, strict=True) if score is not None]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", sorted(MOVES))
async def test_only_moves_of_the_table_are_possible(store: Namespace, name: str, state: State) -> None:
    id, lease = await job_in(store, state)
    token = lease.token if lease else "1:nobody"
    before = await state_of(store, id)
    if MOVES[name].fenced:
        assert await move(store, id, name, "9:another") is None
        assert await move(store, id, name, "") is None
    moved = await move(store, id, name, token)
    assert moved == (MOVES[name].target if MOVES[name].permits(state) else None)
    assert await state_of(store, id) == (moved or before)
    assert await sets_with(store, id) == [moved or before]
    # A bare move leaves out what commands do in addition, so the invariants do not hold.
    redis: Any = store.scripts.redis
    await redis.delete(*[key async for key in redis.scan_iter(match=f"{store.scripts.prefix}*", count=1_000)])


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("name", sorted(OUTCOMES))
async def test_a_fenced_move_is_accepted_only_from_running(store: Namespace, name: str, state: State) -> None:
    id, lease = await job_in(store, state)
    if lease is None:
        lease = factories.Lease(job=(await store.queries.job(id)), token="1:nobody")  # type: ignore[arg-type]
    before = await state_of(store, id)
    word = await factories.finish(store, lease, OUTCOMES[name])
    move = MOVES[name]
    assert move.fenced
    if move.permits(state):
        assert word == "moved"
        assert await state_of(store, id) == move.target
    else:
        assert word in ("stale", "duplicate")
        assert await state_of(store, id) == before


@pytest.mark.parametrize("state", STATES)
async def test_cancel_moves_waiting_jobs_and_sends_a_request_to_running_ones(
    store: Namespace, state: State
) -> None:
    id, _ = await job_in(store, state)
    moved = (await store.jobs.cancel([id], 60_000))[0]
    if state is State.RUNNING:
        assert (moved.result, moved.state) == ("requested", State.RUNNING)
    elif CANCEL.permits(state):
        assert (moved.result, await state_of(store, id)) == ("moved", State.CANCELLED)
    else:
        assert (moved.result, await state_of(store, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_redrive_moves_only_dead_and_cancelled_jobs(store: Namespace, state: State) -> None:
    id, _ = await job_in(store, state)
    moved = (await store.jobs.redrive([id]))[0]
    if REDRIVE.permits(state):
        job = await store.queries.job(id)
        assert job is not None
        assert (moved.result, job.state, job.failures, job.crashes, job.redriven) == (
            "moved",
            State.QUEUED,
            0,
            0,
            1,
        )
        assert (job.error, job.state_reason, job.finished_at) == (None, None, None)
    else:
        assert (moved.result, await state_of(store, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_run_now_moves_only_scheduled_jobs(store: Namespace, state: State) -> None:
    id, _ = await job_in(store, state)
    if RUN_NOW.permits(state):
        await store.jobs.run_now(id)
        assert await state_of(store, id) == State.QUEUED
    else:
        with pytest.raises(InvalidState) as refused:
            await store.jobs.run_now(id)
        assert (refused.value.current_state, await state_of(store, id)) == (state, state)


@pytest.mark.parametrize("state", STATES)
async def test_only_finished_jobs_can_be_deleted(store: Namespace, state: State) -> None:
    id, _ = await job_in(store, state)
    moved = (await store.jobs.delete([id]))[0]
    if state in FINISHED:
        assert (moved.result, await state_of(store, id)) == ("moved", None)
    else:
        assert (moved.result, await state_of(store, id)) == ("illegal", state)


@pytest.mark.parametrize("state", STATES)
async def test_rescue_moves_only_running_jobs_with_an_expired_lease(store: Namespace, state: State) -> None:
    id, lease = await job_in(store, state)
    now = (await store.queries.job(id)).created_at + 61_000  # type: ignore[union-attr]
    rescue = await store.leases.rescue(15_000, now=str(now))
    # The first rescue after a silence holds off; by the second one, the holder had its chance.
    rescue = await store.leases.rescue(15_000, now=str(now + 15_001))
    if state is State.RUNNING:
        job = await store.queries.job(id)
        assert job is not None
        assert rescue.rescued == [id]
        assert (job.state, job.crashes, job.failures) == (State.QUEUED, 0, 0)
        assert lease is not None
        assert await factories.finish(store, lease, OK) == "stale"
    else:
        assert (rescue.rescued, await state_of(store, id)) == ([], state)
