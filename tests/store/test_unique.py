"""Unique keys: the result of a second submission, and when the key is free again, on every path."""

from typing import Any

import pytest

from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.jobs import Submission
from service.store.namespace import Namespace
from tests.store.unique_keys import ENDS, LEASE, _cancel, _run, at, holder, job, send, spec
from tests.support.factories import BROKEN, HOPELESS, LATER, OK, claim, finish, new_id, state_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("on_conflict", "word"), [("return_existing", "existing"), ("reject", "conflict")])
async def test_a_submission_with_a_held_key_returns_the_holder(
    store: Namespace, on_conflict: str, word: str
) -> None:
    first = await send(store, payload=b'{"n":1}')
    second = await send(store, on_conflict, payload=b'{"n":2}')
    assert (second.result, second.job_id) == (word, first.job_id)
    assert (await job(store, first.job_id)).payload == b'{"n":1}'


async def test_a_key_belongs_to_a_queue_even_with_colons_in_their_names(store: Namespace) -> None:
    unique = Unique("b:c", on_conflict="reject")
    other = Unique("c", on_conflict="reject")
    for queue, key in (("a", unique), ("a:b", other)):
        response = await store.jobs.submit([Submission(new_id(), JobSpec("work", queue=queue, unique=key))])
        assert response[0].result == "created"


async def test_one_batch_admits_a_key_once(store: Namespace) -> None:
    batch = [Submission(new_id(), spec("return_existing")) for _ in range(200)]
    responses = await store.jobs.submit(batch)
    assert [response.result for response in responses] == ["created"] + ["existing"] * 199
    assert {response.job_id for response in responses} == {batch[0].id}


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_the_key_is_free_after(store: Namespace, end: str) -> None:
    at(store, 0)
    id = (await send(store, expires_ms=60_000 if "expiry" in end else None)).job_id
    assert await holder(store) == id
    await ENDS[end](store, id)
    assert await holder(store) is None


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_until_seconds_the_key_is_held_for_that_time_after(store: Namespace, end: str) -> None:
    at(store, 0)
    id = (await send(store, until=600_000, expires_ms=60_000 if "expiry" in end else None)).job_id
    await ENDS[end](store, id)
    assert await holder(store) == id
    assert 0 < await store.scripts.redis.pttl(f"{store.scripts.prefix}unique:default|k") <= 600_000


@pytest.mark.parametrize("outcome", [BROKEN, LATER, Interrupted()])
async def test_a_job_that_will_run_again_keeps_the_key(store: Namespace, outcome: Any) -> None:
    id = (await send(store)).job_id
    await _run(store, outcome)
    assert await holder(store) == id


async def test_a_rescued_job_keeps_the_key(store: Namespace) -> None:
    at(store, 0)
    id = (await send(store)).job_id
    await claim(store, lease_ms=LEASE)
    at(store, LEASE + 1)
    await store.leases.rescue(LEASE)
    at(store, 3 * LEASE)
    assert (await store.leases.rescue(LEASE)).rescued == [id]
    assert await holder(store) == id


async def test_until_started_the_key_is_free_once_the_job_runs_and_stays_so(store: Namespace) -> None:
    first = (await send(store, until="started", delay_ms=1)).job_id
    assert await holder(store) == first
    await store.jobs.run_now(first)
    assert await holder(store) == first
    lease = (await claim(store)).leases[0]
    second = await send(store, until="started")
    assert second.result == "created"
    await finish(store, lease, BROKEN)
    assert await holder(store) == second.job_id
    await store.jobs.cancel([first], 0)
    assert await holder(store) == second.job_id


@pytest.mark.parametrize("until", ["finished", 600_000])
async def test_a_forgotten_job_holds_no_key(store: Namespace, until: Any) -> None:
    at(store, 0)
    for forget in ("delete", "prune"):
        id = (await send(store, until=until, retention_ms=1_000)).job_id
        await _cancel(store, id)
        if forget == "delete":
            await store.jobs.delete([id])
        else:
            at(store, 2_000)
            assert (await store.leases.prune())[0] >= 1
        assert await state_of(store, id) is None
        assert not await store.scripts.redis.exists(f"{store.scripts.prefix}unique:default|k")
        response = await send(store, until=until)
        assert response.result == "created"
        await store.jobs.cancel([response.job_id], 0)
        await store.jobs.delete([response.job_id])


async def test_a_redriven_job_takes_its_key_again(store: Namespace) -> None:
    id = (await send(store)).job_id
    await _run(store, HOPELESS)
    assert (await store.jobs.redrive([id]))[0].result == "moved"
    assert await holder(store) == id
    await _run(store, OK)
    assert await holder(store) is None


async def test_a_redrive_against_another_holder_is_refused_and_names_it(store: Namespace) -> None:
    id = (await send(store)).job_id
    await _run(store, HOPELESS)
    other = (await send(store)).job_id
    moved = (await store.jobs.redrive([id]))[0]
    assert (moved.result, moved.state, moved.holder) == ("conflict", State.DEAD, other)
    assert await state_of(store, id) is State.DEAD
    await store.jobs.cancel([other], 0)
    assert (await store.jobs.redrive([id]))[0].result == "moved"


async def test_a_redrive_into_another_queue_takes_the_key_there(store: Namespace) -> None:
    id = (await send(store)).job_id
    await _run(store, HOPELESS)
    there = (await send(store, queue="there")).job_id
    assert (await store.jobs.redrive([id], queue="there"))[0].holder == there
    await store.jobs.cancel([there], 0)
    assert (await store.jobs.redrive([id], queue="there"))[0].result == "moved"
    assert await holder(store, "there") == id
    assert await holder(store) is None
    await _run(store, OK)
    assert await holder(store, "there") is None


async def test_two_dead_jobs_of_one_key_are_not_both_redriven(store: Namespace) -> None:
    ids: list[str] = []
    for _ in range(2):
        ids.append((await send(store)).job_id)
        await _run(store, HOPELESS)
    assert [moved.result for moved in await store.jobs.redrive(ids)] == ["moved", "conflict"]
