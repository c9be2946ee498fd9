"""Every reason why a queued job waits is true when it is given, and disappears when it no longer is."""

from typing import Any

import pytest

from service.domain.catalogue import JobType
from service.domain.limits import RateLimit
from service.store.namespace import Namespace
from tests.store.explaining import causes, codes, explained
from tests.support.factories import OK, claim, finish, limit, new_id, register_worker, submit

pytestmark = pytest.mark.anyio


async def test_a_job_that_does_not_exist_has_no_explanation(stores: Namespace) -> None:
    assert await stores.explanations.of(new_id()) is None


async def test_a_job_that_nothing_holds_back_is_explained_so_and_a_claim_takes_it(served: Namespace) -> None:
    id = await submit(served)
    order = {"priority": 100, "aging_seconds": 60.0}
    assert await causes(served, id) == {"ready": {"queue": "default", "queued": 1, **order}}
    assert (await claim(served)).leases[0].job.id == id


async def test_explaining_changes_nothing(served: Namespace) -> None:
    await limit(served, rate_limit=RateLimit(1, 1_000), max_concurrency=1)
    first, second = await submit(served), await submit(served)
    await claim(served)
    before = await contents(served)
    assert len(before) > 10
    for id in (first, second):
        await explained(served, id)
    assert await contents(served) == before


async def contents(stores: Namespace) -> dict[bytes, Any]:
    redis: Any = stores.scripts.redis
    read = {
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"string": redis.get,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: redis.lrange(key, 0, -1),
    }
    keys = [key async for key in redis.scan_iter(f"{stores.scripts.prefix}*")]
    return {key: await read[await redis.type(key)](key) for key in keys}


async def test_a_paused_queue_and_a_paused_type(served: Namespace) -> None:
    id = await submit(served, name="work_hard")
    await register_worker(served, job_types=("work_hard",))
    await limit(served, paused=True)
    await served.queues.pause_job_type("default", "work-hard", paused=True)
    assert await codes(served, id) == ["queue_paused", "type_paused"]
    await limit(served, paused=False)
    assert await causes(served, id) == {"type_paused": {"queue": "default", "name": "work_hard"}}
    await served.queues.pause_job_type("default", "work_hard", paused=False)
    assert await codes(served, id) == ["ready"]


async def test_no_worker_serves_the_queue(stores: Namespace) -> None:
    id = await submit(stores)
    await register_worker(stores, queues={"elsewhere": 1})
    await register_worker(stores, seen_at=1_000)
    assert await causes(stores, id) == {"no_worker": {"queue": "default", "draining": 0}}
    await register_worker(stores, state="draining")
    assert await causes(stores, id) == {"no_worker": {"queue": "default", "draining": 1}}
    await register_worker(stores, queues={"default": 1})
    assert await codes(stores, id) == ["ready"]


async def test_no_worker_knows_the_type(stores: Namespace) -> None:
    id = await submit(stores)
    await register_worker(stores, job_types=("other",))
    await register_worker(stores, queues={"elsewhere": 1})
    await register_worker(stores, state="draining")
    facts = {"queue": "default", "name": "work", "workers": 1}
    assert await causes(stores, id) == {"unknown_type": facts}
    await register_worker(stores)
    assert await codes(stores, id) == ["ready"]


async def test_a_freed_slot_counts_before_the_next_heartbeat(
    stores: Namespace,
) -> None:
    await register_worker(stores, id="wk_1", capacity=1)
    await register_worker(stores, id="wk_2", capacity=2)
    await register_worker(stores, id="wk_3", job_types=("other",))
    ids = [await submit(stores) for _ in range(4)]
    lease = (await claim(stores, 1, "wk_1")).leases[0]
    assert "workers_busy" not in await causes(stores, ids[3])
    await claim(stores, 2, "wk_2")
    facts = {"workers": 2, "running": 3, "capacity": 3}
    assert await causes(stores, ids[3]) == {"workers_busy": facts}
    await finish(stores, lease, OK)
    assert await codes(stores, ids[3]) == ["ready"]


async def test_for_very_many_running_jobs_heartbeats_decide(
    stores: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.explanations.COUNTED", 1)
    await register_worker(stores, id="wk_1", capacity=2, running=2)
    ids = [await submit(stores) for _ in range(3)]
    await claim(stores, 2, "wk_1")
    facts = (await causes(stores, ids[2]))["workers_busy"]
    seen_at = facts.pop("seen_at")
    assert seen_at > 1_000_000_000_000
    assert facts == {"workers": 1, "running": 2, "capacity": 2}


async def test_a_type_has_its_own_limit_on_each_worker(stores: Namespace) -> None:
    await register_worker(stores, id="wk_1", capacity=5)
    await register_worker(stores, id="wk_2", capacity=1, job_types=("work", "other"))
    record = await stores.workers.get("wk_1")
    assert record is not None
    await stores.workers.register(record, [JobType("work", concurrency=1)])
    ids = [await submit(stores) for _ in range(2)]
    await submit(stores, name="other")
    first = (await claim(stores, 1, "wk_1", types={"work": 1})).leases[0]
    assert await codes(stores, ids[1]) == ["ready"]
    await claim(stores, 1, "wk_2", types={"other": None})
    facts = {"name": "work", "workers": 2, "running": 1, "limit": 1}
    assert await causes(stores, ids[1]) == {"type_busy": facts}
    await finish(stores, first, OK)
    assert await codes(stores, ids[1]) == ["ready"]


async def test_only_jobs_of_the_same_lane_are_ahead(served: Namespace) -> None:
    await limit(served, priority_aging_ms=None)
    for priority in (1, 100, 200):
        await submit(served, priority=priority)
    await submit(served, name="other", priority=1)
    await submit(served, limit_key="acme", priority=1)
    id = await submit(served, priority=150)
    assert await causes(served, id) == {"jobs_ahead": {"ahead": 2, "priority": 150, "aging_seconds": None}}


async def test_several_reasons_apply_at_once(stores: Namespace) -> None:
    await limit(stores, paused=True, max_concurrency=1)
    for _ in range(2):
        await submit(stores)
    await limit(stores, paused=False)
    await claim(stores)
    await limit(stores, paused=True)
    id = await submit(stores)
    assert await codes(stores, id) == ["queue_paused", "no_worker", "queue_concurrency", "jobs_ahead"]
