"""The jobs that a bulk action changes: those that matched when it selected them and still match."""

from dataclasses import replace
from typing import Any

import pytest

from service.domain.bulk_action import PORTION, BulkSpec
from service.domain.job_filter import JobFilter
from service.domain.job_spec import Unique
from service.domain.states import State
from service.store.namespace import Namespace
from tests.store.bulk_actions import DEAD, QUEUED, begin, bury, drain, many, move_time, redrives, states
from tests.store.times import START
from tests.support.factories import HOPELESS, blocked, claim, finish, job_in, state_of, submit

pytestmark = pytest.mark.anyio


async def test_later_jobs_are_left_alone(frozen: Namespace) -> None:
    await many(frozen, 150)
    id = await begin(frozen, QUEUED)
    move_time(frozen, 1)
    later = await many(frozen, 50)
    assert (await drain(frozen, id)).succeeded == 150
    assert await states(frozen, later) == {"queued": 50}


async def test_a_job_that_dies_again_at_once_is_not_retried_again(frozen: Namespace) -> None:
    old = await bury(frozen, 1)
    alive = await submit(frozen)
    ids = await bury(frozen, PORTION)
    id = await begin(frozen, DEAD)
    move_time(frozen, 1)
    # This one dies after the action began; its turn comes after the first batch.
    lease = (await claim(frozen)).leases[0]
    assert lease.job.id == alive
    await finish(frozen, lease, HOPELESS)
    await frozen.bulk_batches.work()
    for lease in (await claim(frozen, PORTION)).leases:
        await finish(frozen, lease, HOPELESS)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (PORTION + 1, 0)
    assert await redrives(frozen, [*old, alive, *ids]) == {0: 1, 1: PORTION + 1}


async def test_a_job_that_changes_after_it_was_chosen_is_skipped(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await many(frozen, 3)
    id = await begin(frozen, QUEUED)
    cancel = frozen.jobs.cancel

    async def start_first(*arguments: Any, **options: Any) -> Any:
        await claim(frozen)
        return await cancel(*arguments, **options)

    monkeypatch.setattr(frozen.jobs, "cancel", start_first)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (2, 1)
    assert await states(frozen, ids) == {"cancelled": 2, "running": 1}


async def test_a_job_that_was_retried_by_hand_and_died_again_after_it_was_chosen_is_skipped(
    frozen: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await bury(frozen, 2)
    id = await begin(frozen, DEAD)
    move_time(frozen, 1)
    redrive = frozen.jobs.redrive

    async def by_hand_first(*arguments: Any, **options: Any) -> Any:
        await redrive([ids[0]])
        await finish(frozen, (await claim(frozen)).leases[0], HOPELESS)
        return await redrive(*arguments, **options)

    monkeypatch.setattr(frozen.jobs, "redrive", by_hand_first)
    action = await drain(frozen, id)
    assert (action.succeeded, action.skipped) == (1, 1)
    assert await redrives(frozen, ids) == {1: 2}
    assert await states(frozen, ids) == {"dead": 1, "queued": 1}


async def test_a_running_job_gets_a_cancel_request_as_from_a_single_cancel(frozen: Namespace) -> None:
    running, _ = await job_in(frozen, State.RUNNING)
    waiting = [await submit(frozen, delay_ms=60_000), await blocked(frozen)]
    finished, _ = await job_in(frozen, State.SUCCEEDED)
    action = await drain(frozen, await begin(frozen, BulkSpec("cancel", JobFilter(name="work"))))
    assert (action.succeeded, action.skipped) == (4, 0)
    assert await states(frozen, waiting) == {"cancelled": 2}
    job = await frozen.queries.job(running)
    assert job is not None
    assert (job.state, job.cancel_requested_at is not None) == (State.RUNNING, True)
    assert await state_of(frozen, finished) == State.SUCCEEDED
    move_time(frozen, 1)
    await frozen.leases.expire_jobs()


async def test_a_dead_job_whose_unique_key_another_one_holds_is_skipped(frozen: Namespace) -> None:
    key = Unique("order:o-1")
    dead = await bury(frozen, 1, unique=key)
    holder = await submit(frozen, unique=key)
    other = await bury(frozen, 1)
    action = await drain(frozen, await begin(frozen, DEAD))
    assert (action.succeeded, action.skipped) == (1, 1)
    assert await states(frozen, [*dead, holder, *other]) == {"dead": 1, "queued": 2}


async def test_it_ends_when_it_has_changed_as_many_jobs_as_it_may(frozen: Namespace) -> None:
    ids = await many(frozen, 300)
    action = await drain(frozen, await begin(frozen, replace(QUEUED, max=130)))
    assert (action.state, action.succeeded) == ("succeeded", 130)
    # The newest come first.
    assert await states(frozen, sorted(ids)[170:]) == {"cancelled": 130}
    assert await states(frozen, sorted(ids)[:170]) == {"queued": 170}


async def test_delete_takes_only_finished_jobs(frozen: Namespace) -> None:
    done, _ = await job_in(frozen, State.SUCCEEDED)
    cancelled, _ = await job_in(frozen, State.CANCELLED)
    (dead,) = await bury(frozen, 1)
    live = await submit(frozen)
    action = await drain(frozen, await begin(frozen, BulkSpec("delete", JobFilter(queue="default"))))
    assert action.succeeded == 3
    assert await states(frozen, [done, cancelled, dead, live]) == {None: 3, "queued": 1}


async def test_every_filter_must_match_and_a_count_agrees(frozen: Namespace) -> None:
    query = await many(frozen, 120, queue="one", name="a", tags={"tenant": "acme", "kind": "x"})
    await many(frozen, 120, queue="one", name="a", tags={"tenant": "acme"})
    await many(frozen, 120, queue="two", name="b", tags={"tenant": "other", "kind": "x"})
    for filter, expected in [
        (JobFilter(queue="one"), 240),
        (JobFilter(name="b"), 120),
        (JobFilter(queue="one", state=State.SCHEDULED), 0),
        (JobFilter(created_before=START), 0),
        (JobFilter(created_after=START - 1), 360),
        (JobFilter(created_after=START, created_before=START + 1), 360),
        (JobFilter(created_after=START + 1), 0),
        (JobFilter(name="b", created_before=START), 0),
        (JobFilter(name="b", created_after=START, created_before=START + 1), 120),
        (JobFilter(group_id="flow_00000000000000000000000000"), 0),
        (JobFilter(tags={"tenant": "acme", "kind": "x"}), 120),
    ]:
        assert await frozen.bulk_actions.count(BulkSpec("cancel", filter)) == (expected, True)
    spec = BulkSpec("cancel", JobFilter(tags={"tenant": "acme", "kind": "x"}, queue="one", name="a"))
    assert (await drain(frozen, await begin(frozen, spec))).succeeded == 120
    assert await states(frozen, query) == {"cancelled": 120}
    assert await frozen.bulk_actions.count(BulkSpec("cancel", JobFilter(queue="one"))) == (120, True)


async def test_a_sparse_match_is_found_and_a_long_count_is_marked_as_incomplete(frozen: Namespace) -> None:
    rare = await many(frozen, 1, name="rare")
    await many(frozen, 11_000)
    assert await frozen.bulk_actions.count(BulkSpec("cancel", JobFilter(name="work"))) == (10_000, False)
    assert await frozen.bulk_actions.count(QUEUED) == (11_001, True)
    spec = BulkSpec("cancel", JobFilter(name="rare"), rate_per_second=1)
    assert (await drain(frozen, await begin(frozen, spec))).succeeded == 1
    # The second batch, one second later, finds nothing left; jobs that do not match use up no rate.
    assert int(frozen.scripts.now) <= START + 1_000
    assert await states(frozen, rare) == {"cancelled": 1}


async def test_a_flow_can_be_selected(frozen: Namespace) -> None:
    child = await blocked(frozen)
    other = await submit(frozen)
    job = await frozen.queries.job(child)
    assert job is not None
    spec = BulkSpec("cancel", JobFilter(group_id=job.flow_id))
    assert await frozen.bulk_actions.count(spec) == (2, True)
    action = await drain(frozen, await begin(frozen, spec))
    assert (action.succeeded, action.skipped) == (2, 0)
    assert await states(frozen, [child, other]) == {"cancelled": 1, "queued": 1}
    await frozen.group_tasks.work()


async def test_bounds_of_time_leave_no_page_empty(frozen: Namespace) -> None:
    first = await submit(frozen)
    move_time(frozen, 1)
    second = await submit(frozen)
    for filter, expected in (
        (JobFilter(created_before=START + 1), first),
        (JobFilter(created_before=START + 2), second),
        (JobFilter(created_after=START + 1), second),
    ):
        page = await frozen.queries.list_jobs(filter, 1, None)
        assert [job.id for job in page.items] == [expected]


async def test_jobs_read_one_by_one_respect_the_same_time_bounds(
    frozen: Namespace,
) -> None:
    first = await submit(frozen)
    move_time(frozen, 1)
    second = await submit(frozen)
    for filter, expected in (
        (JobFilter(created_before=START + 1), [first]),
        (JobFilter(created_after=START + 1), [second]),
    ):
        assert await frozen.queries.pick(filter, [second, first], 10) == (expected, 2)
