"""Two actors, one job."""

import asyncio

from service.domain.outcome import Interrupted
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.leases import decode_heartbeat, heartbeat_arguments
from service.store.namespace import Namespace
from tests.support.factories import (
    BROKEN,
    HOPELESS,
    LATER,
    OK,
    claim,
    ending,
    finish,
    job_in,
    state_of,
    submit,
)

HOUR = 3_600_000


async def rescue_all(stores: Namespace, at: int) -> list[str]:
    """Rescue as if Redis' time were `at`, after the hold-off that follows the silence before it."""
    await stores.leases.rescue(15_000, now=str(at))
    return (await stores.leases.rescue(15_000, now=str(at + 15_001))).rescued


async def test_a_stale_worker_cannot_finish_a_rescued_job(stores: Namespace) -> None:
    id, lease = await job_in(stores, State.RUNNING)
    assert lease is not None
    assert await rescue_all(stores, lease.job.created_at + HOUR) == [id]
    for outcome in (OK, BROKEN, HOPELESS, LATER, Interrupted()):
        assert await finish(stores, lease, outcome) == "stale"
    assert await state_of(stores, id) == State.QUEUED
    assert await stores.scripts.redis.hget(f"{stores.scripts.prefix}counters", "stale_finishes") == b"5"  # type: ignore[misc]


async def test_the_new_holder_of_a_rescued_job_is_not_disturbed_by_the_old_one(stores: Namespace) -> None:
    id, old = await job_in(stores, State.RUNNING)
    assert old is not None
    await rescue_all(stores, old.job.created_at + HOUR)
    new = (await claim(stores, worker="wk_2")).leases[0]
    assert new.suspect
    assert await finish(stores, old, OK) == "stale"
    assert await finish(stores, new, OK) == "moved"
    job = await stores.queries.job(id)
    assert job is not None
    assert (job.state, job.worker_id, job.crashes, job.failures) == (State.SUCCEEDED, "wk_2", 0, 0)


async def test_two_workers_never_claim_the_same_job(stores: Namespace) -> None:
    ids = {await submit(stores) for _ in range(100)}
    claims = await asyncio.gather(*[claim(stores, slots=7, worker=f"wk_{n}") for n in range(30)])
    taken = [lease.job.id for answer in claims for lease in answer.leases]
    assert len(taken) == len(set(taken)) == 100
    assert set(taken) == ids


async def test_a_finish_that_is_sent_twice_counts_once(stores: Namespace) -> None:
    id, lease = await job_in(stores, State.RUNNING)
    assert lease is not None
    assert [await finish(stores, lease, BROKEN) for _ in range(3)] == ["moved", "duplicate", "duplicate"]
    job = await stores.queries.job(id)
    assert job is not None
    assert (job.failures, job.state) == (1, State.RETRYING)
    assert len(await stores.queries.attempts(id)) == 1


async def test_a_finish_from_an_earlier_delivery_does_not_end_a_later_one(stores: Namespace) -> None:
    id, first = await job_in(stores, State.RUNNING)
    assert first is not None
    await finish(stores, first, Interrupted())
    second = (await claim(stores)).leases[0]
    assert await finish(stores, first, OK) == "stale"
    assert await state_of(stores, id) == State.RUNNING
    assert await finish(stores, second, OK) == "moved"


async def test_a_cancel_wins_over_any_later_finish(stores: Namespace) -> None:
    for outcome in (OK, BROKEN, HOPELESS, LATER, Interrupted()):
        id, lease = await job_in(stores, State.RUNNING)
        assert lease is not None
        await stores.jobs.cancel([id], 60_000)
        assert await finish(stores, lease, outcome) == "cancelled"
        job = await stores.queries.job(id)
        assert job is not None
        assert (job.state, job.state_reason, job.result) == (State.CANCELLED, "requested", None)


async def test_a_forced_cancel_takes_the_job_from_its_worker(stores: Namespace) -> None:
    id, lease = await job_in(stores, State.RUNNING)
    assert lease is not None
    await stores.jobs.cancel([id], 0)
    ended, _ = await stores.leases.expire_jobs()
    assert ended == 1
    assert await state_of(stores, id) == State.CANCELLED
    assert await finish(stores, lease, OK) == "stale"


async def test_a_rescued_job_that_was_asked_to_be_cancelled_does_not_run_again(stores: Namespace) -> None:
    id, lease = await job_in(stores, State.RUNNING)
    assert lease is not None
    await stores.jobs.cancel([id], 10 * HOUR)
    await rescue_all(stores, lease.job.created_at + HOUR)
    assert await state_of(stores, id) == State.CANCELLED


async def test_an_outage_forgives_leases_that_expired_during_it(stores: Namespace) -> None:
    id, lease = await job_in(stores, State.RUNNING)
    assert lease is not None
    back = lease.job.created_at + HOUR
    assert (await stores.leases.rescue(15_000, now=str(back))).rescued == []
    record = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, back, back)
    arguments = heartbeat_arguments(record, 15_000, 1, "running", [(id, lease.token)])
    reply = decode_heartbeat(await stores.scripts.run("heartbeat", arguments, now=str(back + 1_000)))
    assert (reply.lost, reply.cancel, reply.known) == ([], [], False)
    assert (await stores.leases.rescue(15_000, now=str(back + 15_001))).rescued == []
    assert await finish(stores, lease, OK) == "moved"


async def test_a_heartbeat_reports_lost_and_cancelled_jobs(stores: Namespace) -> None:
    cancelled, first = await job_in(stores, State.RUNNING)
    lost, second = await job_in(stores, State.RUNNING)
    assert first is not None
    assert second is not None
    await stores.jobs.cancel([cancelled], 60_000)
    await finish(stores, second, OK)
    record = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, 0, 0)
    held = [(cancelled, first.token), (lost, second.token), ("job_unknown", "1:x")]
    reply = decode_heartbeat(
        await stores.scripts.run("heartbeat", heartbeat_arguments(record, 15_000, 3, "running", held))
    )
    assert [request.job_id for request in reply.cancel] == [cancelled]
    assert reply.lost == [(lost, second.token), ("job_unknown", "1:x")]


async def test_a_batch_of_finishes_is_decided_one_by_one(stores: Namespace) -> None:
    ids = [await submit(stores) for _ in range(4)]
    leases = (await claim(stores, slots=4)).leases
    await finish(stores, leases[1], OK)
    await stores.scripts.redis.delete(f"{stores.scripts.prefix}job:{ids[2]}")
    words = await stores.leases.finish([ending(lease, OK) for lease in leases])
    assert words == ["moved", "duplicate", "missing", "moved"]
    # The lease of the deleted job is an orphan by now, and rescue drops it.
    await stores.leases.rescue(15_000, now=str(leases[0].job.created_at + HOUR))
    await stores.leases.rescue(15_000, now=str(leases[0].job.created_at + 2 * HOUR))
    await stores.scripts.redis.zrem(f"{stores.scripts.prefix}queue:default|running", ids[2])
