"""on_conflict=replace: which job takes the new payload, which one runs behind a holder, and when."""

from typing import Any

import pytest

from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.store.times import START
from tests.store.unique_keys import ENDS, LEASE, _run, at, holder, job, send, spec
from tests.support import invariants
from tests.support.factories import BROKEN, LATER, OK, QUICK, claim, finish, new_id, state_of, submit

pytestmark = pytest.mark.anyio


# on_conflict "replace".


async def test_a_waiting_holder_takes_the_new_payload_and_time_and_keeps_its_id(store: Namespace) -> None:
    at(store, 0)
    first = await send(store, "replace", delay_ms=1_000, payload=b'{"n":1}', tags={"a": "1"}, expires_ms=10)
    at(store, 5)
    second = await send(store, "replace", delay_ms=2_000, payload=b'{"n":2}', tags={"b": "2"}, priority=7)
    assert (second.result, second.job_id) == ("replaced", first.job_id)
    found = await job(store, first.job_id)
    assert second.job == found
    assert (found.payload, found.run_at, found.created_at) == (b'{"n":2}', START + 2_005, START)
    assert (found.tags, found.priority, found.version, found.expires_at) == ({"b": "2"}, 7, 2, None)
    redis: Any = store.scripts.redis
    assert await redis.zcard(f"{store.scripts.prefix}expiry") == 0
    assert await redis.zscore(f"{store.scripts.prefix}tag:b:2", first.job_id) == START
    third = await send(store, "replace", name="other", payload=b'{"n":3}')
    found = await job(store, first.job_id)
    assert (third.job, found.state, found.name) == (found, State.QUEUED, "other")
    assert await jobs(store) == 1
    tagged = [key async for key in store.scripts.redis.scan_iter(match=f"{store.scripts.prefix}tag:*")]
    assert tagged == []
    assert [lease.job.payload for lease in (await claim(store, types={"other": None})).leases] == [b'{"n":3}']


async def jobs(store: Namespace) -> int:
    queue = await store.queues.get("default")
    assert queue is not None
    return sum(queue.counts.values())


async def test_a_thousand_keystrokes_are_one_run(store: Namespace) -> None:
    batch = [Submission(new_id(), spec("replace", payload=b'{"n":%d}' % n)) for n in range(300)]
    responses = await store.jobs.submit(batch)
    assert {response.job_id for response in responses} == {batch[0].id}
    assert [response.result for response in responses] == ["created"] + ["replaced"] * 299
    assert [lease.job.payload for lease in (await claim(store, slots=9)).leases] == [b'{"n":299}']


async def test_behind_a_running_holder_the_newest_runs_once_after_it(store: Namespace) -> None:
    at(store, 0)
    first = (await send(store, "replace")).job_id
    lease = (await claim(store)).leases[0]
    second = await send(store, "replace", payload=b'{"n":2}')
    assert (second.result, second.job) == ("created", await job(store, second.job_id))
    assert await state_of(store, second.job_id) is State.BLOCKED
    third = await send(store, "replace", payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second.job_id)
    assert third.job == await job(store, second.job_id)
    assert await holder(store) == first
    assert (await claim(store)).leases == []
    at(store, 1_000)
    await finish(store, lease, OK)
    found = await job(store, second.job_id)
    assert (found.state, found.queued_at) == (State.QUEUED, START + 1_000)
    assert await holder(store) == second.job_id
    leases = (await claim(store, slots=9)).leases
    assert [lease.job.payload for lease in leases] == [b'{"n":3}']
    await finish(store, leases[0], OK)
    assert await holder(store) is None
    assert await jobs(store) == 3  # The two, and the probe of holder().


async def _two(store: Namespace) -> tuple[str, str]:
    """A holder, claimed and in the state that the test needs, and a job behind it."""
    first = (await send(store, "replace", retry=QUICK)).job_id
    lease = (await claim(store, lease_ms=LEASE)).leases[0]
    second = (await send(store, "replace")).job_id
    assert second != first
    await finish(store, lease, Interrupted())
    return first, second


@pytest.mark.parametrize("end", sorted(set(ENDS) - {"expiry", "expiry seen by a claim", "purge"}))
async def test_the_job_behind_takes_over_after(store: Namespace, end: str) -> None:
    at(store, 0)
    first, second = await _two(store)
    await ENDS[end](store, first)
    assert await state_of(store, first) in (State.SUCCEEDED, State.DEAD, State.CANCELLED)
    assert await state_of(store, second) is State.QUEUED
    assert await holder(store) == second


async def test_a_purge_takes_the_job_behind_as_well(store: Namespace) -> None:
    first, second = await _two(store)
    assert await store.queues.purge("default") == 2
    assert [await state_of(store, id) for id in (first, second)] == [State.CANCELLED] * 2
    assert await holder(store) is None


async def test_a_whole_family_is_cancelled_in_one_call(store: Namespace) -> None:
    first, second = await _two(store)
    words = [moved.result for moved in await store.jobs.cancel([first, second], 0)]
    assert words == ["moved", "moved"]
    assert await holder(store) is None


async def test_a_job_behind_a_holder_that_ends_on_its_own_leaves_its_place(store: Namespace) -> None:
    first, second = await _two(store)
    await store.jobs.cancel([second], 0)
    assert await holder(store) == first
    assert not await store.scripts.redis.exists(f"{store.scripts.prefix}follower:default|k")
    await _run(store, OK)
    assert await holder(store) is None
    assert (await job(store, second)).state_reason == "requested"


async def test_a_job_behind_that_expired_does_not_run(store: Namespace) -> None:
    at(store, 0)
    await send(store, "replace")
    lease = (await claim(store)).leases[0]
    second = (await send(store, "replace", expires_ms=1_000)).job_id
    at(store, 2_000)
    await store.leases.expire_jobs()
    assert (await job(store, second)).state_reason == "expired"
    await finish(store, lease, OK)
    assert await holder(store) is None


async def test_a_job_behind_keeps_its_own_time(store: Namespace) -> None:
    at(store, 0)
    await send(store, "replace")
    lease = (await claim(store)).leases[0]
    second = await send(store, "replace", delay_ms=5_000)
    await finish(store, lease, OK)
    assert (await job(store, second.job_id)).state is State.SCHEDULED
    at(store, 5_001)
    assert [lease.job.id for lease in (await claim(store)).leases] == [second.job_id]


@pytest.mark.parametrize("outcome", [BROKEN, LATER, Interrupted()])
async def test_a_holder_that_was_started_and_waits_again_is_replaced_by_another_job(
    store: Namespace, outcome: Any
) -> None:
    first = (await send(store, "replace")).job_id
    await _run(store, outcome)
    second = await send(store, "replace", payload=b'{"n":2}')
    assert (second.result, second.job_id == first) == ("created", False)
    old = await job(store, first)
    assert (old.state, old.state_reason) == (State.CANCELLED, "replaced")
    assert await holder(store) == second.job_id
    assert await state_of(store, second.job_id) is State.QUEUED


async def test_replacing_a_started_holder_passes_the_new_payload_to_the_job_behind(
    store: Namespace,
) -> None:
    first, second = await _two(store)
    third = await send(store, "replace", payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second)
    assert (await job(store, first)).state_reason == "replaced"
    found = await job(store, second)
    assert (found.state, found.payload) == (State.QUEUED, b'{"n":3}')
    assert await holder(store) == second


async def test_a_replaced_holder_can_be_redriven_only_when_the_key_is_free(store: Namespace) -> None:
    first = (await send(store, "replace")).job_id
    await _run(store, BROKEN)
    second = (await send(store, "replace")).job_id
    assert (await store.jobs.redrive([first]))[0].holder == second


async def test_within_a_window_the_newest_runs_at_its_end(store: Namespace) -> None:
    """Throttling: the first job runs at once, then the last of the others when the window closes."""
    first = (await send(store, "replace", until=60_000)).job_id
    await _run(store, OK)
    second = await send(store, "replace", until=60_000)
    assert second.job is not None
    assert (second.result, second.job.state, second.job_id == first) == ("created", State.SCHEDULED, False)
    wait = second.job.run_at - second.job.created_at
    assert 55_000 < wait <= 60_000
    third = await send(store, "replace", until=60_000, payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second.job_id)
    assert third.job is not None
    assert (third.job.run_at, third.job) == (second.job.run_at, await job(store, second.job_id))
    ttl = await store.scripts.redis.pttl(f"{store.scripts.prefix}unique:default|k")
    assert 110_000 < ttl <= 120_000


async def test_a_replacing_submission_sent_twice_replaces_once(store: Namespace) -> None:
    first = (await send(store, "replace")).job_id
    submission = Submission(new_id(), spec("replace", payload=b'{"n":2}'))
    responses = [(await store.jobs.submit([submission]))[0] for _ in range(2)]
    assert responses[0] == responses[1]
    assert (responses[0].result, responses[0].job_id) == ("replaced", first)
    await _run(store, OK)
    assert (await store.jobs.submit([submission]))[0] == responses[0]
    assert (await claim(store)).leases == []


@pytest.mark.parametrize("running", [False, True])
async def test_an_idempotent_replacement_gives_the_first_response(store: Namespace, running: bool) -> None:
    await send(store, "replace")
    if running:
        await claim(store)
    key = Idempotency("POST /v1/jobs", "key-1", "digest-1")
    first = (await store.jobs.submit([Submission(new_id(), spec("replace"), key)]))[0]
    await send(store, "replace", delay_ms=9_000)
    again = (await store.jobs.submit([Submission(new_id(), spec("replace"), key)]))[0]
    assert (again.result, again.job_id, again.job) == ("replayed", first.job_id, first.job)


@pytest.mark.parametrize("limit_key", [None, "acme"])
async def test_the_job_behind_takes_its_place_in_the_middle_of_a_claim(
    store: Namespace, limit_key: str | None
) -> None:
    """A claim finds a holder past its deadline, and the job behind it joins the lane being read."""
    store.scripts.now = "1900000000000"
    first = await submit(store, limit_key=limit_key)
    holding = (await send(store, deadline_ms=1_000, limit_key=limit_key)).job_id
    second = (await claim(store, 2)).leases[1]
    heir = (await send(store, "replace", limit_key=limit_key, priority=50)).job_id
    assert await finish(store, second, Interrupted()) == "moved"
    others = [await submit(store, limit_key=limit_key) for _ in range(8)]
    store.scripts.now = "1900000002000"
    leases = (await claim(store, 4)).leases
    assert (await job(store, holding)).state_reason == "deadline"
    await invariants.check(store)
    leases += (await claim(store, 20)).leases
    assert sorted(lease.job.id for lease in leases) == sorted([heir, *others])
    assert first not in {lease.job.id for lease in leases}
    await invariants.check(store)
