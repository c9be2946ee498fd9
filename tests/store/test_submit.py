"""Admission: idempotency, uniqueness, batches, and lost replies."""

import pytest

from service.domain.job_spec import JobSpec
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.store.namespace import Namespace
from tests.support.factories import OK, claim, finish, new_id

pytestmark = pytest.mark.anyio

KEY = Idempotency("POST /v1/jobs", "key-1", "digest-1")


async def test_a_submission_sent_twice_is_one_job_and_one_response(stores: Namespace) -> None:
    submission = Submission(new_id(), JobSpec(name="work", payload=b'{"a":1}'))
    first = (await stores.jobs.submit([submission]))[0]
    second = (await stores.jobs.submit([submission]))[0]
    assert (first.result, second.result) == ("created", "duplicate")
    assert first.job == second.job == await stores.queries.job(submission.id)


async def test_the_same_idempotency_key_and_body_is_the_same_job_even_when_it_has_moved_on(
    stores: Namespace,
) -> None:
    first = (await stores.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)]))[0]
    await finish(stores, (await claim(stores)).leases[0], OK)
    again = (await stores.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)]))[0]
    assert (again.result, again.job) == ("replayed", first.job)


async def test_the_same_idempotency_key_with_another_body_is_refused(stores: Namespace) -> None:
    await stores.jobs.submit([Submission(new_id(), JobSpec(name="work"), KEY)])
    other = Idempotency(KEY.scope, KEY.key, "digest-2")
    answer = (await stores.jobs.submit([Submission(new_id(), JobSpec(name="work"), other)]))[0]
    assert answer.result == "reused"
    assert (await stores.queues.get("default")).counts[State.QUEUED] == 1  # type: ignore[union-attr]


async def test_one_batch_admits_an_idempotency_key_once(stores: Namespace) -> None:
    batch = [Submission(new_id(), JobSpec(name="work"), KEY) for _ in range(200)]
    answers = await stores.jobs.submit(batch)
    assert [answer.result for answer in answers] == ["created"] + ["replayed"] * 199
    assert {answer.job_id for answer in answers} == {batch[0].id}


async def test_a_full_queue_refuses_and_keeps_what_it_has(stores: Namespace) -> None:
    await stores.queues.configure("default", {"max_depth": 2})
    answers = await stores.jobs.submit([Submission(new_id(), JobSpec(name="work")) for _ in range(3)])
    assert [answer.result for answer in answers] == ["created", "created", "full"]


async def test_a_large_batch_is_split_and_keeps_its_order(stores: Namespace) -> None:
    answers = await stores.jobs.submit([Submission(new_id(), JobSpec(name="work")) for _ in range(1_200)])
    assert {answer.result for answer in answers} == {"created"}
    leases = (await claim(stores, slots=100)).leases
    assert [lease.job.id for lease in leases] == [answer.job_id for answer in answers[:100]]


async def test_waiting_callers_share_one_round_trip(stores: Namespace) -> None:
    import asyncio

    redis = stores.scripts.redis
    submissions = [Submission(new_id(), JobSpec(name="work")) for _ in range(100)]
    before = (await redis.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
    answers = await asyncio.gather(*[stores.jobs.submit_one(submission) for submission in submissions])
    after = (await redis.info("commandstats"))["cmdstat_evalsha"]["calls"]
    assert [answer.job_id for answer in answers] == [submission.id for submission in submissions]
    assert after - before <= 2
