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


async def rescue_all(store: Namespace, at: int) -> list[str]:
    """Rescue as if Redis' time were `at`, after the hold-off that follows the silence before it."""
    await store.leases.rescue(15_000, now=str(at))
    return (await store.leases.rescue(15_000, now=str(at + 15_001))).rescued


async def test_a_stale_worker_cannot_finish_a_rescued_job(store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    assert await rescue_all(store, lease.job.created_at + HOUR) == [id]
    for outcome in (OK, BROKEN, HOPELESS, LATER, Interrupted()):
        assert await finish(store, lease, outcome) == "stale"
    assert await state_of(store, id) == State.QUEUED
    assert await store.scripts.redis.hget(f"{store.scripts.prefix}counters", "stale_finishes") == b"5"  # type: ignore[misc]


async def test_the_new_holder_of_a_rescued_job_is_not_disturbed_by_the_old_one(store: Namespace) -> None:
    id, old = await job_in(store, State.RUNNING)
    assert old is not None
    await rescue_all(store, old.job.created_at + HOUR)
    new = (await claim(store, worker="wk_2")).leases[0]
    assert new.suspect
    assert await finish(store, old, OK) == "stale"
    assert await finish(store, new, OK) == "moved"
    job = await store.queries.job(id)
    assert job is not None
    assert (job.state, job.worker_id, job.crashes, job.failures) == (State.SUCCEEDED, "wk_2", 0, 0)


async def test_two_workers_never_claim_the_same_job(store: Namespace) -> None:
    ids = {await submit(store) for _ in range(100)}
    claims = await asyncio.gather(*[claim(store, slots=7, worker=f"wk_{n}") for n in range(30)])
    taken = [lease.job.id for response in claims for lease in response.leases]
    assert len(taken) == len(set(taken)) == 100
    assert set(taken) == ids


async def test_a_finish_that_is_sent_twice_counts_once(store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    assert [await finish(store, lease, BROKEN) for _ in range(3)] == ["moved", "duplicate", "duplicate"]
    job = await store.queries.job(id)
    assert job is not None
    assert (job.failures, job.state) == (1, State.RETRYING)
    assert len(await store.queries.attempts(id)) == 1


async def test_a_finish_from_an_earlier_delivery_does_not_end_a_later_one(store: Namespace) -> None:
    id, first = await job_in(store, State.RUNNING)
    assert first is not None
    await finish(store, first, Interrupted())
    second = (await claim(store)).leases[0]
    assert await finish(store, first, OK) == "stale"
    assert await state_of(store, id) == State.RUNNING
    assert await finish(store, second, OK) == "moved"


async def test_a_cancel_wins_over_any_later_finish(store: Namespace) -> None:
    for outcome in (OK, BROKEN, HOPELESS, LATER, Interrupted()):
        id, lease = await job_in(store, State.RUNNING)
        assert lease is not None
        await store.jobs.cancel([id], 60_000)
        assert await finish(store, lease, outcome) == "cancelled"
        job = await store.queries.job(id)
        assert job is not None
        assert (job.state, job.state_reason, job.result) == (State.CANCELLED, "requested", None)


async def test_a_forced_cancel_takes_the_job_from_its_worker(store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    await store.jobs.cancel([id], 0)
    ended, _ = await store.leases.expire_jobs()
    assert ended == 1
    assert await state_of(store, id) == State.CANCELLED
    assert await finish(store, lease, OK) == "stale"


async def test_a_rescued_job_that_was_asked_to_be_cancelled_does_not_run_again(store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    await store.jobs.cancel([id], 10 * HOUR)
    await rescue_all(store, lease.job.created_at + HOUR)
    assert await state_of(store, id) == State.CANCELLED


async def test_an_outage_forgives_leases_that_expired_during_it(store: Namespace) -> None:
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    back = lease.job.created_at + HOUR
    assert (await store.leases.rescue(15_000, now=str(back))).rescued == []
    record = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, back, back)
    arguments = heartbeat_arguments(record, 15_000, 1, "running", [(id, lease.token)])
    reply = decode_heartbeat(await store.scripts.run("heartbeat", arguments, now=str(back + 1_000)))
    assert (reply.lost, reply.cancel, reply.known) == ([], [], False)
    assert (await store.leases.rescue(15_000, now=str(back + 15_001))).rescued == []
    assert await finish(store, lease, OK) == "moved"


async def test_a_heartbeat_reports_lost_and_cancelled_jobs(store: Namespace) -> None:
    cancelled, first = await job_in(store, State.RUNNING)
    lost, second = await job_in(store, State.RUNNING)
    assert first is not None
    assert second is not None
    await store.jobs.cancel([cancelled], 60_000)
    await finish(store, second, OK)
    record = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, 0, 0)
    held = [(cancelled, first.token), (lost, second.token), ("job_unknown", "1:x")]
    reply = decode_heartbeat(
        await store.scripts.run("heartbeat", heartbeat_arguments(record, 15_000, 3, "running", held))
    )
    assert [request.job_id for request in reply.cancel] == [cancelled]
    assert reply.lost == [(lost, second.token), ("job_unknown", "1:x")]


async def test_a_batch_of_finishes_is_decided_one_by_one(store: Namespace) -> None:
    ids = [await submit(store) for _ in range(4)]
    leases = (await claim(store, slots=4)).leases
    await finish(store, leases[1], OK)
    await store.scripts.redis.delete(f"{store.scripts.prefix}job:{ids[2]}")
    words = await store.leases.finish([ending(lease, OK) for lease in leases])
    assert words == ["moved", "duplicate", "missing", "moved"]
    # The lease of the deleted job is an orphan by now, and rescue drops it.
    await store.leases.rescue(15_000, now=str(leases[0].job.created_at + HOUR))
    await store.leases.rescue(15_000, now=str(leases[0].job.created_at + 2 * HOUR))
    await store.scripts.redis.zrem(f"{store.scripts.prefix}queue:default|running", ids[2])
