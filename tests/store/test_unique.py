"""Unique keys: what a second submission is told, and when the key is free again, on every path."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from service.domain.job import Job
from service.domain.job_spec import JobSpec, Unique
from service.domain.outcome import Crashed, Failure, Interrupted
from service.domain.results import Submitted
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.support import invariants
from tests.support.factories import (
    BROKEN,
    HOPELESS,
    LATER,
    OK,
    QUICK,
    claim,
    finish,
    new_id,
    state_of,
    submit,
)

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000
LEASE = 15_000


def at(stores: Namespace, ms: int) -> None:
    stores.scripts.now = str(START + ms)


def spec(on_conflict: Any = "reject", until: Any = "finished", **fields: Any) -> JobSpec:
    given: Any = {"name": "work", "retry": QUICK, **fields}
    return JobSpec(unique=Unique("k", until, on_conflict), **given)


async def send(
    stores: Namespace, on_conflict: Any = "reject", until: Any = "finished", **fields: Any
) -> Submitted:
    return (await stores.jobs.submit([Submission(new_id(), spec(on_conflict, until, **fields))]))[0]


async def job(stores: Namespace, id: str) -> Job:
    found = await stores.queries.job(id)
    assert found is not None
    return found


async def holder(stores: Namespace, queue: str = "default") -> str | None:
    """Who has the key, as a further submission is told."""
    answer = await send(stores, queue=queue)
    if answer.result == "created":
        await stores.jobs.cancel([answer.job_id], 0)
        return None
    assert answer.result == "conflict"
    return answer.job_id


@pytest.mark.parametrize(("on_conflict", "word"), [("return_existing", "existing"), ("reject", "conflict")])
async def test_a_held_key_is_answered_with_its_holder(stores: Namespace, on_conflict: str, word: str) -> None:
    first = await send(stores, payload=b'{"n":1}')
    second = await send(stores, on_conflict, payload=b'{"n":2}')
    assert (second.result, second.job_id) == (word, first.job_id)
    assert (await job(stores, first.job_id)).payload == b'{"n":1}'


async def test_a_key_belongs_to_a_queue_whatever_colons_are_in_their_names(stores: Namespace) -> None:
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


# The paths on which a job ends, is forgotten, or goes back to waiting.


async def _cancel(stores: Namespace, id: str) -> None:
    await stores.jobs.cancel([id], 0)


async def _run(stores: Namespace, *outcomes: Any) -> None:
    for outcome in outcomes:
        await finish(stores, (await claim(stores)).leases[0], outcome)


async def _cancel_running(stores: Namespace, id: str) -> None:
    lease = (await claim(stores)).leases[0]
    await stores.jobs.cancel([id], 60_000)
    assert await holder(stores) == id
    await finish(stores, lease, OK)


async def _force_cancel(stores: Namespace, id: str) -> None:
    await claim(stores)
    await stores.jobs.cancel([id], 0)
    assert await holder(stores) == id
    await stores.leases.sweep()


async def _die_of_crashes(stores: Namespace, id: str) -> None:
    for _ in range(3):
        lease = (await claim(stores)).leases[0]
        assert await finish(stores, lease, Crashed(Failure("SubprocessDied", "signal 9"))) == "moved"


async def _purge(stores: Namespace, id: str) -> None:
    assert await stores.queues.purge("default") == 1


async def _expire_in_sweep(stores: Namespace, id: str) -> None:
    at(stores, 60_000)
    await stores.leases.sweep()


async def _expire_in_claim(stores: Namespace, id: str) -> None:
    at(stores, 60_000)
    assert (await claim(stores)).leases == []


ENDS: dict[str, Callable[[Namespace, str], Awaitable[None]]] = {
    "success": lambda stores, _: _run(stores, OK),
    "death": lambda stores, _: _run(stores, HOPELESS),
    "cancel": _cancel,
    "cancel of a running job": _cancel_running,
    "forced cancel": _force_cancel,
    "poison": _die_of_crashes,
    "purge": _purge,
    "expiry": _expire_in_sweep,
    "expiry seen by a claim": _expire_in_claim,
}


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
async def test_a_forgotten_job_holds_nothing(stores: Namespace, until: Any) -> None:
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


async def test_a_redrive_against_another_holder_is_refused_and_says_who(stores: Namespace) -> None:
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


# on_conflict "replace".


async def test_a_waiting_holder_takes_the_new_payload_and_time_and_keeps_its_id(stores: Namespace) -> None:
    at(stores, 0)
    first = await send(stores, "replace", delay_ms=1_000, payload=b'{"n":1}', tags={"a": "1"}, expires_ms=10)
    at(stores, 5)
    second = await send(stores, "replace", delay_ms=2_000, payload=b'{"n":2}', tags={"b": "2"}, priority=7)
    assert (second.result, second.job_id) == ("replaced", first.job_id)
    found = await job(stores, first.job_id)
    assert second.job == found
    assert (found.payload, found.run_at, found.created_at) == (b'{"n":2}', START + 2_005, START)
    assert (found.tags, found.priority, found.version, found.expires_at) == ({"b": "2"}, 7, 2, None)
    redis: Any = stores.scripts.redis
    assert await redis.zcard(f"{stores.scripts.prefix}expiry") == 0
    assert await redis.zscore(f"{stores.scripts.prefix}tag:b:2", first.job_id) == START
    third = await send(stores, "replace", name="other", payload=b'{"n":3}')
    found = await job(stores, first.job_id)
    assert (third.job, found.state, found.name) == (found, State.QUEUED, "other")
    assert await jobs(stores) == 1
    tagged = [key async for key in stores.scripts.redis.scan_iter(match=f"{stores.scripts.prefix}tag:*")]
    assert tagged == []
    assert [lease.job.payload for lease in (await claim(stores, types={"other": None})).leases] == [
        b'{"n":3}'
    ]


async def jobs(stores: Namespace) -> int:
    queue = await stores.queues.get("default")
    assert queue is not None
    return sum(queue.counts.values())


async def test_a_thousand_keystrokes_are_one_run(stores: Namespace) -> None:
    batch = [Submission(new_id(), spec("replace", payload=b'{"n":%d}' % n)) for n in range(300)]
    answers = await stores.jobs.submit(batch)
    assert {answer.job_id for answer in answers} == {batch[0].id}
    assert [answer.result for answer in answers] == ["created"] + ["replaced"] * 299
    assert [lease.job.payload for lease in (await claim(stores, slots=9)).leases] == [b'{"n":299}']


async def test_behind_a_running_holder_the_newest_runs_once_after_it(stores: Namespace) -> None:
    at(stores, 0)
    first = (await send(stores, "replace")).job_id
    lease = (await claim(stores)).leases[0]
    second = await send(stores, "replace", payload=b'{"n":2}')
    assert (second.result, second.job) == ("created", await job(stores, second.job_id))
    assert await state_of(stores, second.job_id) is State.BLOCKED
    third = await send(stores, "replace", payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second.job_id)
    assert third.job == await job(stores, second.job_id)
    assert await holder(stores) == first
    assert (await claim(stores)).leases == []
    at(stores, 1_000)
    await finish(stores, lease, OK)
    found = await job(stores, second.job_id)
    assert (found.state, found.queued_at) == (State.QUEUED, START + 1_000)
    assert await holder(stores) == second.job_id
    leases = (await claim(stores, slots=9)).leases
    assert [lease.job.payload for lease in leases] == [b'{"n":3}']
    await finish(stores, leases[0], OK)
    assert await holder(stores) is None
    assert await jobs(stores) == 3  # the two, and the probe of holder()


async def _two(stores: Namespace) -> tuple[str, str]:
    """A holder, claimed and waiting or running as the path wants it, and a job behind it."""
    first = (await send(stores, "replace", retry=QUICK)).job_id
    lease = (await claim(stores, lease_ms=LEASE)).leases[0]
    second = (await send(stores, "replace")).job_id
    assert second != first
    await finish(stores, lease, Interrupted())
    return first, second


@pytest.mark.parametrize("end", sorted(set(ENDS) - {"expiry", "expiry seen by a claim", "purge"}))
async def test_the_job_behind_takes_over_after(stores: Namespace, end: str) -> None:
    at(stores, 0)
    first, second = await _two(stores)
    await ENDS[end](stores, first)
    assert await state_of(stores, first) in (State.SUCCEEDED, State.DEAD, State.CANCELLED)
    assert await state_of(stores, second) is State.QUEUED
    assert await holder(stores) == second


async def test_a_purge_takes_the_job_behind_too(stores: Namespace) -> None:
    first, second = await _two(stores)
    assert await stores.queues.purge("default") == 2
    assert [await state_of(stores, id) for id in (first, second)] == [State.CANCELLED] * 2
    assert await holder(stores) is None


async def test_a_whole_family_is_cancelled_in_one_call(stores: Namespace) -> None:
    first, second = await _two(stores)
    words = [moved.result for moved in await stores.jobs.cancel([first, second], 0)]
    assert words == ["moved", "moved"]
    assert await holder(stores) is None


async def test_a_job_behind_a_holder_that_ends_by_itself_leaves_its_place(stores: Namespace) -> None:
    first, second = await _two(stores)
    await stores.jobs.cancel([second], 0)
    assert await holder(stores) == first
    assert not await stores.scripts.redis.exists(f"{stores.scripts.prefix}follower:default|k")
    await _run(stores, OK)
    assert await holder(stores) is None
    assert (await job(stores, second)).state_reason == "requested"


async def test_a_job_behind_that_expired_does_not_run(stores: Namespace) -> None:
    at(stores, 0)
    await send(stores, "replace")
    lease = (await claim(stores)).leases[0]
    second = (await send(stores, "replace", expires_ms=1_000)).job_id
    at(stores, 2_000)
    await stores.leases.sweep()
    assert (await job(stores, second)).state_reason == "expired"
    await finish(stores, lease, OK)
    assert await holder(stores) is None


async def test_a_job_behind_keeps_its_own_time(stores: Namespace) -> None:
    at(stores, 0)
    await send(stores, "replace")
    lease = (await claim(stores)).leases[0]
    second = await send(stores, "replace", delay_ms=5_000)
    await finish(stores, lease, OK)
    assert (await job(stores, second.job_id)).state is State.SCHEDULED
    at(stores, 5_001)
    assert [lease.job.id for lease in (await claim(stores)).leases] == [second.job_id]


@pytest.mark.parametrize("outcome", [BROKEN, LATER, Interrupted()])
async def test_a_holder_that_was_started_and_waits_again_is_replaced_by_another_job(
    stores: Namespace, outcome: Any
) -> None:
    first = (await send(stores, "replace")).job_id
    await _run(stores, outcome)
    second = await send(stores, "replace", payload=b'{"n":2}')
    assert (second.result, second.job_id == first) == ("created", False)
    old = await job(stores, first)
    assert (old.state, old.state_reason) == (State.CANCELLED, "replaced")
    assert await holder(stores) == second.job_id
    assert await state_of(stores, second.job_id) is State.QUEUED


async def test_a_started_holder_that_is_replaced_hands_over_to_the_job_behind_with_the_new_payload(
    stores: Namespace,
) -> None:
    first, second = await _two(stores)
    third = await send(stores, "replace", payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second)
    assert (await job(stores, first)).state_reason == "replaced"
    found = await job(stores, second)
    assert (found.state, found.payload) == (State.QUEUED, b'{"n":3}')
    assert await holder(stores) == second


async def test_a_replaced_holder_can_be_redriven_only_when_the_key_is_free(stores: Namespace) -> None:
    first = (await send(stores, "replace")).job_id
    await _run(stores, BROKEN)
    second = (await send(stores, "replace")).job_id
    assert (await stores.jobs.redrive([first]))[0].holder == second


async def test_within_a_window_the_newest_runs_at_its_end(stores: Namespace) -> None:
    """Throttle: the first runs at once, of the others the last one when the seconds are over."""
    first = (await send(stores, "replace", until=60_000)).job_id
    await _run(stores, OK)
    second = await send(stores, "replace", until=60_000)
    assert second.job is not None
    assert (second.result, second.job.state, second.job_id == first) == ("created", State.SCHEDULED, False)
    wait = second.job.run_at - second.job.created_at
    assert 55_000 < wait <= 60_000
    third = await send(stores, "replace", until=60_000, payload=b'{"n":3}')
    assert (third.result, third.job_id) == ("replaced", second.job_id)
    assert third.job is not None
    assert (third.job.run_at, third.job) == (second.job.run_at, await job(stores, second.job_id))
    ttl = await stores.scripts.redis.pttl(f"{stores.scripts.prefix}unique:default|k")
    assert 110_000 < ttl <= 120_000


async def test_a_replacing_submission_sent_twice_replaces_once(stores: Namespace) -> None:
    first = (await send(stores, "replace")).job_id
    submission = Submission(new_id(), spec("replace", payload=b'{"n":2}'))
    answers = [(await stores.jobs.submit([submission]))[0] for _ in range(2)]
    assert answers[0] == answers[1]
    assert (answers[0].result, answers[0].job_id) == ("replaced", first)
    await _run(stores, OK)
    assert (await stores.jobs.submit([submission]))[0] == answers[0]
    assert (await claim(stores)).leases == []


@pytest.mark.parametrize("running", [False, True])
async def test_an_idempotent_replacement_is_answered_as_the_first_time(
    stores: Namespace, running: bool
) -> None:
    await send(stores, "replace")
    if running:
        await claim(stores)
    key = Idempotency("POST /v1/jobs", "key-1", "digest-1")
    first = (await stores.jobs.submit([Submission(new_id(), spec("replace"), key)]))[0]
    await send(stores, "replace", delay_ms=9_000)
    again = (await stores.jobs.submit([Submission(new_id(), spec("replace"), key)]))[0]
    assert (again.result, again.job_id, again.job) == ("replayed", first.job_id, first.job)


@pytest.mark.parametrize("limit_key", [None, "acme"])
async def test_an_heir_that_comes_in_the_middle_of_a_claim_takes_its_place(
    stores: Namespace, limit_key: str | None
) -> None:
    """A holder past its deadline is found: who waited behind it joins the lane that is being read."""
    stores.scripts.now = "1900000000000"
    first = await submit(stores, limit_key=limit_key)
    holding = (await send(stores, deadline_ms=1_000, limit_key=limit_key)).job_id
    second = (await claim(stores, 2)).leases[1]
    heir = (await send(stores, "replace", limit_key=limit_key, priority=50)).job_id
    assert await finish(stores, second, Interrupted()) == "moved"
    others = [await submit(stores, limit_key=limit_key) for _ in range(8)]
    stores.scripts.now = "1900000002000"
    leases = (await claim(stores, 4)).leases
    assert (await job(stores, holding)).state_reason == "deadline"
    await invariants.check(stores)
    leases += (await claim(stores, 20)).leases
    assert sorted(lease.job.id for lease in leases) == sorted([heir, *others])
    assert first not in {lease.job.id for lease in leases}
    await invariants.check(stores)
