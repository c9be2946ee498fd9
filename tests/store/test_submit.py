"""Admission: idempotency, uniqueness, batches, and lost replies."""

import pytest

from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.support.factories import OK, claim, finish, new_id

pytestmark = pytest.mark.anyio

KEY = Idempotency("POST /v1/jobs", "key-1", "digest-1")


async def test_a_submission_sent_twice_is_one_job_and_one_response(store: Namespace) -> None:
    submission = Submission(new_id(), JobSpec(name="work", payload=b'{"a":1}'))
    first = (await store.jobs.submit([submission]))[0]
    second = (await store.jobs.submit([submission]))[0]
    assert (first.result, second.result) == ("created", "duplicate")
    assert first.job == second.job == await store.queries.job(submission.id)


async def test_the_same_idempotency_key_and_body_is_the_same_job_even_when_it_has_moved_on(
    store: Namespace,
) -> None:
    first = (await store.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)]))[0]
    await finish(store, (await claim(store)).leases[0], OK)
    again = (await store.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)]))[0]
    assert (again.result, again.job) == ("replayed", first.job)


async def test_the_same_idempotency_key_with_another_body_is_refused(store: Namespace) -> None:
    await store.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)])
    other = Idempotency(KEY.scope, KEY.key, "digest-2")
    response = (await store.jobs.submit([Submission(new_id(), JobSpec(name="work"), other)]))[0]
    assert response.result == "reused"
    assert (await store.queues.get("default")).counts[State.QUEUED] == 1  # type: ignore[union-attr]


async def test_one_batch_admits_an_idempotency_key_once(store: Namespace) -> None:
    batch = [Submission(new_id(), JobSpec(name="work"), KEY) for _ in range(200)]
    responses = await store.jobs.submit(batch)
    assert [response.result for response in responses] == ["created"] + ["replayed"] * 199
    assert {response.job_id for response in responses} == {batch[0].id}


async def test_a_full_queue_refuses_and_keeps_what_it_has(store: Namespace) -> None:
    await store.queues.configure("default", {"max_depth": 2})
    responses = await store.jobs.submit([Submission(new_id(), JobSpec(name="work")) for _ in range(3)])
    assert [response.result for response in responses] == ["created", "created", "full"]


async def test_a_large_batch_is_split_and_keeps_its_order(store: Namespace) -> None:
    responses = await store.jobs.submit([Submission(new_id(), JobSpec(name="work")) for _ in range(1_200)])
    assert {response.result for response in responses} == {"created"}
    leases = (await claim(store, slots=100)).leases
    assert [lease.job.id for lease in leases] == [response.job_id for response in responses[:100]]


async def test_waiting_callers_share_one_round_trip(store: Namespace) -> None:
    import asyncio

    redis = store.scripts.redis
    submissions = [Submission(new_id(), JobSpec(name="work")) for _ in range(100)]
    before = (await redis.info("commandstats")).get("cmdstat_fcall", {}).get("calls", 0)
    responses = await asyncio.gather(*[store.jobs.submit_one(submission) for submission in submissions])
    after = (await redis.info("commandstats"))["cmdstat_fcall"]["calls"]
    assert [response.job_id for response in responses] == [submission.id for submission in submissions]
    assert after - before <= 2
