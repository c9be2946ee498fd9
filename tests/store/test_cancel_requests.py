"""A cancel request's grace and message reach the worker, the job and its explanation."""

from typing import Any

from service.domain.job import Job
from service.domain.job_spec import JobSpec
from service.domain.outcome import Interrupted
from service.domain.states import State
from service.domain.worker import WorkerRecord
from service.store.jobs import Submission
from service.store.leases import CancelRequest, HeartbeatReply, decode_heartbeat, heartbeat_arguments
from service.store.namespace import Namespace
from tests.support.factories import OK, claim, finish, job_in, new_id, submit

RECORD = WorkerRecord("wk_1", "host", 1, "0", {"*": 1}, ("work",), "running", 1, 1, 0, 0)


async def heartbeat(store: Namespace, *held: tuple[str, str]) -> HeartbeatReply:
    return decode_heartbeat(
        await store.scripts.run("heartbeat", heartbeat_arguments(RECORD, 15_000, 1, "running", held))
    )


async def running(store: Namespace) -> tuple[str, str]:
    """The id and the token of a running job."""
    id, lease = await job_in(store, State.RUNNING)
    assert lease is not None
    return id, lease.token


async def test_the_worker_gets_the_remaining_grace_and_the_message(store: Namespace, at: int) -> None:
    id, token = await running(store)
    await store.jobs.cancel([id], 60_000, message="the customer left")
    assert (await heartbeat(store, (id, token))).cancel == [
        CancelRequest(id, token, 60_000, "the customer left")
    ]
    store.scripts.now = str(at + 59_000)
    assert (await heartbeat(store, (id, token))).cancel == [
        CancelRequest(id, token, 1_000, "the customer left")
    ]
    store.scripts.now = str(at + 61_000)
    assert (await heartbeat(store, (id, token))).cancel == [CancelRequest(id, token, 0, "the customer left")]


async def test_a_cancel_without_a_message_has_none(store: Namespace, at: int) -> None:
    id, token = await running(store)
    await store.jobs.cancel([id], 500)
    assert (await heartbeat(store, (id, token), ("job_gone", "1:x"))) == HeartbeatReply(
        known=False,
        drain=False,
        now_ms=at,
        tasks=False,
        lost=[("job_gone", "1:x")],
        cancel=[CancelRequest(id, token, 500)],
        next_loss_ms=60_000,
        next_end_ms=500,
    )


async def test_a_second_request_keeps_the_earlier_end_and_the_first_message(
    store: Namespace, at: int
) -> None:
    id, token = await running(store)
    for grace_ms, message in ((60_000, ""), (90_000, "first"), (1_000, "second"), (30_000, "")):
        await store.jobs.cancel([id], grace_ms, message=message)
    assert (await heartbeat(store, (id, token))).cancel == [CancelRequest(id, token, 1_000, "first")]
    store.scripts.now = str(at + 1_000)
    assert await store.leases.expire_jobs() == (1, None)
    job = await store.queries.job(id)
    assert job is not None
    assert (job.state, job.cancel_message, job.cancel_requested_at) == (State.CANCELLED, "first", at)


async def test_a_shorter_grace_wakes_the_heartbeat_and_a_longer_one_does_not(
    store: Namespace, at: int
) -> None:
    id, _ = await running(store)
    inbox = f"{store.scripts.prefix}worker:wk_1:inbox"
    woken: list[int] = []
    for grace_ms in (60_000, 60_000, 90_000, 10_000):
        await store.jobs.cancel([id], grace_ms)
        woken.append(await store.scripts.redis.delete(inbox))
    assert woken == [1, 0, 0, 1]


async def test_the_message_stays_with_the_job_until_it_runs_again(store: Namespace) -> None:
    waiting = await submit(store, delay_ms=60_000)
    await store.jobs.cancel([waiting], 0, message="not needed")
    asked, _ = await running(store)
    await store.jobs.cancel([asked], 60_000, message="too late")
    for id, message in ((waiting, "not needed"), (asked, "too late")):
        job = await store.queries.job(id)
        assert job is not None
        assert job.cancel_message == message
    await store.jobs.redrive([waiting])
    job = await store.queries.job(waiting)
    assert job is not None
    assert (job.cancel_message, job.cancel_requested_at) == (None, None)
    (lease,) = (await claim(store)).leases
    assert lease.job.cancel_message is None
    await finish(store, lease, OK)


async def test_a_heartbeat_tells_the_leases_of_a_job_apart(store: Namespace) -> None:
    id = await submit(store)
    (first,) = (await claim(store)).leases
    old = first.token
    await finish(store, first, Interrupted())
    (lease,) = (await claim(store)).leases
    await store.jobs.cancel([id], 60_000)
    heard = await heartbeat(store, (id, old), (id, lease.token))
    assert heard.lost == [(id, old)]
    assert [(request.job_id, request.token) for request in heard.cancel] == [(id, lease.token)]


async def job(store: Namespace, id: str) -> Job:
    found = await store.queries.job(id)
    assert found is not None
    return found


async def test_one_heartbeat_renews_the_leases_of_a_worker_with_very_many_runs(
    store: Namespace, at: int
) -> None:
    """`TRIAGE_CONCURRENCY` may be 10,000, and Lua passes about 8,000 arguments to a command."""
    await store.jobs.submit([Submission(new_id(), JobSpec("work")) for _ in range(4_500)])
    leases = [lease for _ in range(9) for lease in (await claim(store, 500, lease_ms=1_000)).leases]
    heard = await heartbeat(store, *((lease.job.id, lease.token) for lease in leases))
    assert (len(leases), heard.lost) == (4_500, [])
    redis: Any = store.scripts.redis
    assert await redis.zcount(f"{store.scripts.prefix}leases", at + 15_000, "+inf") == 4_500
