"""Which worker gets which job, and the reply to a repeated claim."""

from typing import Any

import pytest

from service.domain.outcome import Interrupted
from service.domain.states import State
from service.store.namespace import Namespace
from tests.support.factories import BROKEN, OK, Worker, claim, finish, state_of, submit

pytestmark = pytest.mark.anyio


async def test_a_repeated_claim_returns_the_same_leases(stores: Namespace) -> None:
    for _ in range(5):
        await submit(stores)
    first = await claim(stores, slots=3, request_id="cl_same")
    second = await claim(stores, slots=3, request_id="cl_same")
    assert [lease.token for lease in first.leases] == [lease.token for lease in second.leases]
    assert [lease.job for lease in first.leases] == [lease.job for lease in second.leases]
    assert (await stores.queues.get("default")).counts[State.QUEUED] == 2  # type: ignore[union-attr]


async def test_a_lease_shows_the_job_as_it_is_stored(stores: Namespace) -> None:
    id = await submit(stores, tags={"a": "b"}, limit_key="k", deadline_ms=60_000)
    for delivery in (1, 2):
        lease = (await claim(stores)).leases[0]
        assert lease.job == await stores.queries.job(id)
        assert (lease.job.deliveries, lease.token.partition(":")[0]) == (delivery, str(delivery))
        await finish(stores, lease, Interrupted())


async def test_a_success_clears_the_error_of_an_earlier_attempt(stores: Namespace) -> None:
    id = await submit(stores)
    await finish(stores, (await claim(stores)).leases[0], BROKEN)
    await stores.jobs.run_now(id)
    await finish(stores, (await claim(stores)).leases[0], OK)
    job = await stores.queries.job(id)
    assert job is not None
    assert (job.state, job.error, job.result) == (State.SUCCEEDED, None, b'{"ok":true}')


async def test_urgent_jobs_go_first_and_equals_in_their_order(stores: Namespace) -> None:
    bulk = [await submit(stores, priority=100) for _ in range(3)]
    urgent = [await submit(stores, priority=1) for _ in range(3)]
    leases = (await claim(stores, slots=6)).leases
    assert [lease.job.id for lease in leases] == urgent + bulk


async def test_an_old_job_goes_before_a_younger_one_that_is_a_little_more_urgent(stores: Namespace) -> None:
    await stores.queues.configure("default", {"priority_aging_ms": 0})
    old = await submit(stores, priority=101)
    await submit(stores, priority=100)
    assert (await claim(stores)).leases[0].job.id == old


async def test_strict_priority_ignores_age(stores: Namespace) -> None:
    await stores.queues.configure("default", {"priority_aging_ms": None})
    await submit(stores, priority=1000)
    urgent = await submit(stores, priority=999)
    assert (await claim(stores)).leases[0].job.id == urgent


async def test_a_job_of_an_unknown_type_waits_and_delays_no_other(stores: Namespace) -> None:
    strange = [await submit(stores, name="strange") for _ in range(50)]
    known = await submit(stores)
    assert [lease.job.id for lease in (await claim(stores, slots=10)).leases] == [known]
    leases = (await claim(stores, slots=50, types={"strange": None})).leases
    assert [lease.job.id for lease in leases] == strange


async def test_a_type_with_no_free_slot_is_left_for_others(stores: Namespace) -> None:
    for _ in range(3):
        await submit(stores, name="heavy")
        await submit(stores, name="light")
    leases = (await claim(stores, slots=6, types={"heavy": 1, "light": None})).leases
    assert sorted(lease.job.name for lease in leases) == ["heavy", "light", "light", "light"]
    nothing = await claim(stores, slots=6, types={"heavy": 0, "light": None})
    assert (nothing.leases, nothing.more) == ([], False)


async def test_weights_share_out_single_claims(stores: Namespace) -> None:
    weights = {"critical": 6, "default": 3, "bulk": 1}
    for queue in weights:
        for _ in range(120):
            await submit(stores, queue=queue)
    worker = Worker(stores, weights)
    taken = [(await worker.claim()).leases[0].job.queue for _ in range(100)]
    assert {queue: taken.count(queue) for queue in weights} == {"critical": 60, "default": 30, "bulk": 10}


async def test_a_paused_queue_gives_nothing_until_it_is_resumed(stores: Namespace) -> None:
    await stores.queues.configure("default", {"paused": True})
    id = await submit(stores)
    assert (await claim(stores)).leases == []
    await stores.queues.configure("default", {"paused": False})
    assert (await claim(stores)).leases[0].job.id == id


async def test_due_jobs_are_promoted_by_any_claim(stores: Namespace) -> None:
    id = await submit(stores, delay_ms=5_000, queue="elsewhere")
    job = await stores.queries.job(id)
    assert job is not None
    early = await claim(stores, now=str(job.created_at + 4_000))
    assert (early.leases, early.due_in_us) == ([], 1_000_000)
    late = await claim(stores, now=str(job.created_at + 5_000))
    assert late.leases[0].job.id == id
    assert late.leases[0].job.queued_at == job.created_at + 5_000


async def test_a_retry_keeps_its_priority(stores: Namespace) -> None:
    id = await submit(stores, priority=1)
    lease = (await claim(stores)).leases[0]
    await finish(stores, lease, BROKEN)
    await submit(stores, priority=100)
    job = await stores.queries.job(id)
    assert job is not None
    leases = (await claim(stores, slots=2, now=str(job.run_at))).leases
    assert leases[0].job.id == id
    assert leases[0].job.failures == 1


async def test_a_job_that_was_not_started_in_time_is_dead(stores: Namespace) -> None:
    id = await submit(stores, expires_ms=1_000)
    job = await stores.queries.job(id)
    assert job is not None
    assert (await claim(stores, now=str(job.created_at + 1_000))).leases == []
    job = await stores.queries.job(id)
    assert job is not None
    assert (job.state, job.state_reason) == (State.DEAD, "expired")


async def test_a_job_whose_hash_was_deleted_is_dropped_and_counted(stores: Namespace) -> None:
    broken = await submit(stores)
    whole = await submit(stores)
    await stores.scripts.redis.delete(f"{stores.scripts.prefix}job:{broken}")
    answer = await claim(stores, slots=2)
    assert [lease.job.id for lease in answer.leases] == [whole]
    redis: Any = stores.scripts.redis
    assert await redis.hget(f"{stores.scripts.prefix}counters", "orphans") == b"1"


async def test_scripts_survive_a_flush_of_their_cache(stores: Namespace) -> None:
    id = await submit(stores)
    await stores.scripts.redis.script_flush()
    lease = (await claim(stores)).leases[0]
    await stores.scripts.redis.script_flush()
    assert await finish(stores, lease, OK) == "moved"
    assert await state_of(stores, id) == State.SUCCEEDED


async def test_names_of_queues_may_contain_separators_of_other_keys(stores: Namespace) -> None:
    names = ["default", "default:types", "default:queued", "default:lane:work", "arq:queue"]
    for name in names:
        await submit(stores, queue=name)
    leases = (await claim(stores, 10)).leases
    assert sorted(lease.job.queue for lease in leases) == sorted(names)
    assert [queue.counts[State.RUNNING] for queue in (await stores.queues.list(10, None)).items] == [1] * 5
