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
    stores: Namespace, on_conflict: str, word: str
) -> None:
    first = await send(stores, payload=b'{"n":1}')
    second = await send(stores, on_conflict, payload=b'{"n":2}')
    assert (second.result, second.job_id) == (word, first.job_id)
    assert (await job(stores, first.job_id)).payload == b'{"n":1}'


async def test_a_key_belongs_to_a_queue_even_with_colons_in_their_names(stores: Namespace) -> None:
    unique = Unique("b:c", on_conflict="reject")
    other = Unique("c", on_conflict="reject")
    for queue, key in (("a", unique), ("a:b", other)):
        answer = await stores.jobs.submit([Submission(new_id(), JobSpec("work", queue=queue, unique=key))])
        assert answer[0].result == "created"


async def test_one_batch_admits_a_key_once(stores: Namespace) -> None:
    batch = [Submission(new_id(), spec("return_existing")) for _ in range(200)]
    answers = await stores.jobs.submit(batch)
    assert [answer.result for answer in answers] == ["created"] + ["existing"] * 199
    assert {answer.job_id for answer in answers} == {batch[0].id}


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_the_key_is_free_after(stores: Namespace, end: str) -> None:
    at(stores, 0)
    id = (await send(stores, expires_ms=60_000 if "expiry" in end else None)).job_id
    assert await holder(stores) == id
    await ENDS[end](stores, id)
    assert await holder(stores) is None


@pytest.mark.parametrize("end", sorted(ENDS))
async def test_until_seconds_the_key_is_held_for_that_time_after(stores: Namespace, end: str) -> None:
    at(stores, 0)
    id = (await send(stores, until=600_000, expires_ms=60_000 if "expiry" in end else None)).job_id
    await ENDS[end](stores, id)
    assert await holder(stores) == id
    assert 0 < await stores.scripts.redis.pttl(f"{stores.scripts.prefix}unique:default|k") <= 600_000


@pytest.mark.parametrize("outcome", [BROKEN, LATER, Interrupted()])
async def test_a_job_that_will_run_again_keeps_the_key(stores: Namespace, outcome: Any) -> None:
    id = (await send(stores)).job_id
    await _run(stores, outcome)
    assert await holder(stores) == id


async def test_a_rescued_job_keeps_the_key(stores: Namespace) -> None:
    at(stores, 0)
    id = (await send(stores)).job_id
    await claim(stores, lease_ms=LEASE)
    at(stores, LEASE + 1)
    await stores.leases.rescue(LEASE)
    at(stores, 3 * LEASE)
    assert (await stores.leases.rescue(LEASE)).rescued == [id]
    assert await holder(stores) == id


async def test_until_started_the_key_is_free_once_the_job_runs_and_stays_so(stores: Namespace) -> None:
    first = (await send(stores, until="started", delay_ms=1)).job_id
    assert await holder(stores) == first
    await stores.jobs.run_now(first)
    assert await holder(stores) == first
    lease = (await claim(stores)).leases[0]
    second = await send(stores, until="started")
    assert second.result == "created"
    await finish(stores, lease, BROKEN)
    assert await holder(stores) == second.job_id
    await stores.jobs.cancel([first], 0)
    assert await holder(stores) == second.job_id


@pytest.mark.parametrize("until", ["finished", 600_000])
async def test_a_forgotten_job_holds_no_key(stores: Namespace, until: Any) -> None:
    at(stores, 0)
    for forget in ("delete", "prune"):
        id = (await send(stores, until=until, retention_ms=1_000)).job_id
        await _cancel(stores, id)
        if forget == "delete":
            await stores.jobs.delete([id])
        else:
            at(stores, 2_000)
            assert (await stores.leases.prune())[0] >= 1
        assert await state_of(stores, id) is None
        assert not await stores.scripts.redis.exists(f"{stores.scripts.prefix}unique:default|k")
        answer = await send(stores, until=until)
        assert answer.result == "created"
        await stores.jobs.cancel([answer.job_id], 0)
        await stores.jobs.delete([answer.job_id])


async def test_a_redriven_job_takes_its_key_again(stores: Namespace) -> None:
    id = (await send(stores)).job_id
    await _run(stores, HOPELESS)
    assert (await stores.jobs.redrive([id]))[0].result == "moved"
    assert await holder(stores) == id
    await _run(stores, OK)
    assert await holder(stores) is None


async def test_a_redrive_against_another_holder_is_refused_and_names_it(stores: Namespace) -> None:
    id = (await send(stores)).job_id
    await _run(stores, HOPELESS)
    other = (await send(stores)).job_id
    moved = (await stores.jobs.redrive([id]))[0]
    assert (moved.result, moved.state, moved.holder) == ("conflict", State.DEAD, other)
    assert await state_of(stores, id) is State.DEAD
    await stores.jobs.cancel([other], 0)
    assert (await stores.jobs.redrive([id]))[0].result == "moved"


async def test_a_redrive_into_another_queue_takes_the_key_there(stores: Namespace) -> None:
    id = (await send(stores)).job_id
    await _run(stores, HOPELESS)
    there = (await send(stores, queue="there")).job_id
    assert (await stores.jobs.redrive([id], queue="there"))[0].holder == there
    await stores.jobs.cancel([there], 0)
    assert (await stores.jobs.redrive([id], queue="there"))[0].result == "moved"
    assert await holder(stores, "there") == id
    assert await holder(stores) is None
    await _run(stores, OK)
    assert await holder(stores, "there") is None


async def test_two_dead_jobs_of_one_key_are_not_both_redriven(stores: Namespace) -> None:
    ids: list[str] = []
    for _ in range(2):
        ids.append((await send(stores)).job_id)
        await _run(stores, HOPELESS)
    assert [moved.result for moved in await stores.jobs.redrive(ids)] == ["moved", "conflict"]
