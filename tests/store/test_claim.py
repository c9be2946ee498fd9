"""Which worker gets which job, and the reply to a repeated claim."""

from typing import Any

import pytest

from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.factories import BROKEN, OK, Worker, claim, finish, state_of, submit

pytestmark = pytest.mark.anyio


async def test_a_repeated_claim_returns_the_same_leases(store: Namespace) -> None:
    for _ in range(5):
        await submit(store)
    first = await claim(store, slots=3, request_id="cl_same")
    second = await claim(store, slots=3, request_id="cl_same")
    assert [lease.token for lease in first.leases] == [lease.token for lease in second.leases]
    assert [lease.job for lease in first.leases] == [lease.job for lease in second.leases]
    assert (await store.queues.get("default")).counts[State.QUEUED] == 2  # type: ignore[union-attr]


async def test_a_lease_shows_the_job_as_it_is_stored(store: Namespace) -> None:
    id = await submit(store, tags={"a": "b"}, limit_key="k", deadline_ms=60_000)
    for delivery in (1, 2):
        lease = (await claim(store)).leases[0]
        assert lease.job == await store.queries.job(id)
        assert (lease.job.deliveries, lease.token.partition(":")[0]) == (delivery, str(delivery))
        await finish(store, lease, Interrupted())


async def test_a_success_clears_the_error_of_an_earlier_attempt(store: Namespace) -> None:
    id = await submit(store)
    await finish(store, (await claim(store)).leases[0], BROKEN)
    await store.jobs.run_now(id)
    await finish(store, (await claim(store)).leases[0], OK)
    job = await store.queries.job(id)
    assert job is not None
    assert (job.state, job.error, job.result) == (State.SUCCEEDED, None, b'{"ok":true}')


async def test_urgent_jobs_go_first_and_equals_in_their_order(store: Namespace) -> None:
    bulk = [await submit(store, priority=100) for _ in range(3)]
    urgent = [await submit(store, priority=1) for _ in range(3)]
    leases = (await claim(store, slots=6)).leases
    assert [lease.job.id for lease in leases] == urgent + bulk


async def test_an_old_job_goes_before_a_younger_one_that_is_a_little_more_urgent(store: Namespace) -> None:
    await store.queues.configure("default", {"priority_aging_ms": 0})
    old = await submit(store, priority=101)
    await submit(store, priority=100)
    assert (await claim(store)).leases[0].job.id == old


async def test_strict_priority_ignores_age(store: Namespace) -> None:
    await store.queues.configure("default", {"priority_aging_ms": None})
    await submit(store, priority=1000)
    urgent = await submit(store, priority=999)
    assert (await claim(store)).leases[0].job.id == urgent


async def test_a_job_of_an_unknown_type_waits_and_delays_no_other(store: Namespace) -> None:
    strange = [await submit(store, name="strange") for _ in range(50)]
    known = await submit(store)
    assert [lease.job.id for lease in (await claim(store, slots=10)).leases] == [known]
    leases = (await claim(store, slots=50, types={"strange": None})).leases
    assert [lease.job.id for lease in leases] == strange


async def test_a_type_with_no_free_slot_is_left_for_others(store: Namespace) -> None:
    for _ in range(3):
        await submit(store, name="heavy")
        await submit(store, name="light")
    leases = (await claim(store, slots=6, types={"heavy": 1, "light": None})).leases
    assert sorted(lease.job.name for lease in leases) == ["heavy", "light", "light", "light"]
    nothing = await claim(store, slots=6, types={"heavy": 0, "light": None})
    assert (nothing.leases, nothing.more) == ([], False)


async def test_weights_share_out_single_claims(store: Namespace) -> None:
    weights = {"critical": 6, "default": 3, "bulk": 1}
    for queue in weights:
        for _ in range(120):
            await submit(store, queue=queue)
    worker = Worker(store, weights)
    taken = [(await worker.claim()).leases[0].job.queue for _ in range(100)]
    assert {queue: taken.count(queue) for queue in weights} == {"critical": 60, "default": 30, "bulk": 10}


async def test_a_paused_queue_gives_nothing_until_it_is_resumed(store: Namespace) -> None:
    await store.queues.configure("default", {"paused": True})
    id = await submit(store)
    assert (await claim(store)).leases == []
    await store.queues.configure("default", {"paused": False})
    assert (await claim(store)).leases[0].job.id == id


async def test_due_jobs_are_promoted_by_any_claim(store: Namespace) -> None:
    id = await submit(store, delay_ms=5_000, queue="elsewhere")
    job = await store.queries.job(id)
    assert job is not None
    early = await claim(store, now=str(job.created_at + 4_000))
    assert (early.leases, early.due_in_us) == ([], 1_000_000)
    late = await claim(store, now=str(job.created_at + 5_000))
    assert late.leases[0].job.id == id
    assert late.leases[0].job.queued_at == job.created_at + 5_000


async def test_a_retry_keeps_its_priority(store: Namespace) -> None:
    id = await submit(store, priority=1)
    lease = (await claim(store)).leases[0]
    await finish(store, lease, BROKEN)
    await submit(store, priority=100)
    job = await store.queries.job(id)
    assert job is not None
    leases = (await claim(store, slots=2, now=str(job.run_at))).leases
    assert leases[0].job.id == id
    assert leases[0].job.failures == 1


async def test_a_job_that_was_not_started_in_time_is_dead(store: Namespace) -> None:
    id = await submit(store, expires_ms=1_000)
    job = await store.queries.job(id)
    assert job is not None
    assert (await claim(store, now=str(job.created_at + 1_000))).leases == []
    job = await store.queries.job(id)
    assert job is not None
    assert (job.state, job.state_reason) == (State.DEAD, "expired")


async def test_a_job_whose_hash_was_deleted_is_dropped_and_counted(store: Namespace) -> None:
    broken = await submit(store)
    whole = await submit(store)
    await store.scripts.redis.delete(f"{store.scripts.prefix}job:{broken}")
    response = await claim(store, slots=2)
    assert [lease.job.id for lease in response.leases] == [whole]
    redis: Any = store.scripts.redis
    assert await redis.hget(f"{store.scripts.prefix}counters", "orphans") == b"1"


async def test_functions_that_were_deleted_are_loaded_again(store: Namespace) -> None:
    id = await submit(store)
    redis: Any = store.scripts.redis
    await redis.function_flush()
    lease = (await claim(store)).leases[0]
    await redis.function_flush()
    assert await finish(store, lease, OK) == "moved"
    assert await state_of(store, id) == State.SUCCEEDED


async def test_names_of_queues_may_contain_separators_of_other_keys(store: Namespace) -> None:
    names = ["default", "default:types", "default:queued", "default:lane:work", "arq:queue"]
    for name in names:
        await submit(store, queue=name)
    leases = (await claim(store, 10)).leases
    assert sorted(lease.job.queue for lease in leases) == sorted(names)
    assert [queue.counts[State.RUNNING] for queue in (await store.queues.list(10, None)).items] == [1] * 5
