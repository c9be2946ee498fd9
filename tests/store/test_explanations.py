"""Every reason why a queued job waits is true when it is given, and disappears when it no longer is."""

from typing import Any

import pytest

from service.domain.catalogue import JobType
from service.domain.limits import RateLimit
from service.store.namespace import Namespace
from tests.store.explaining import causes, codes, explained
from tests.support.factories import OK, claim, finish, limit, new_id, register_worker, submit

pytestmark = pytest.mark.anyio


async def test_a_job_that_does_not_exist_has_no_explanation(store: Namespace) -> None:
    assert await store.explanations.of(new_id()) is None


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


async def contents(store: Namespace) -> dict[bytes, Any]:
    redis: Any = store.scripts.redis
    read = {
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"string": redis.get,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: redis.lrange(key, 0, -1),
    }
    keys = [key async for key in redis.scan_iter(f"{store.scripts.prefix}*")]
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


async def test_no_worker_serves_the_queue(store: Namespace) -> None:
    id = await submit(store)
    await register_worker(store, queues={"elsewhere": 1})
    await register_worker(store, seen_at=1_000)
    assert await causes(store, id) == {"no_worker": {"queue": "default", "draining": 0}}
    await register_worker(store, state="draining")
    assert await causes(store, id) == {"no_worker": {"queue": "default", "draining": 1}}
    await register_worker(store, queues={"default": 1})
    assert await codes(store, id) == ["ready"]


async def test_no_worker_knows_the_type(store: Namespace) -> None:
    id = await submit(store)
    await register_worker(store, job_types=("other",))
    await register_worker(store, queues={"elsewhere": 1})
    await register_worker(store, state="draining")
    facts = {"queue": "default", "name": "work", "workers": 1}
    assert await causes(store, id) == {"unknown_type": facts}
    await register_worker(store)
    assert await codes(store, id) == ["ready"]


async def test_a_freed_slot_counts_before_the_next_heartbeat(
    store: Namespace,
) -> None:
    await register_worker(store, id="wk_1", capacity=1)
    await register_worker(store, id="wk_2", capacity=2)
    await register_worker(store, id="wk_3", job_types=("other",))
    ids = [await submit(store) for _ in range(4)]
    lease = (await claim(store, 1, "wk_1")).leases[0]
    assert "workers_busy" not in await causes(store, ids[3])
    await claim(store, 2, "wk_2")
    facts = {"workers": 2, "running": 3, "capacity": 3}
    assert await causes(store, ids[3]) == {"workers_busy": facts}
    await finish(store, lease, OK)
    assert await codes(store, ids[3]) == ["ready"]


async def test_for_very_many_running_jobs_heartbeats_decide(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.store.explanations.COUNTED", 1)
    await register_worker(store, id="wk_1", capacity=2, running=2)
    ids = [await submit(store) for _ in range(3)]
    await claim(store, 2, "wk_1")
    facts = (await causes(store, ids[2]))["workers_busy"]
    seen_at = facts.pop("seen_at")
    assert seen_at > 1_000_000_000_000
    assert facts == {"workers": 1, "running": 2, "capacity": 2}


async def test_a_type_has_its_own_limit_on_each_worker(store: Namespace) -> None:
    await register_worker(store, id="wk_1", capacity=5)
    await register_worker(store, id="wk_2", capacity=1, job_types=("work", "other"))
    record = await store.workers.get("wk_1")
    assert record is not None
    await store.workers.register(record, [JobType("work", concurrency=1)])
    ids = [await submit(store) for _ in range(2)]
    await submit(store, name="other")
    first = (await claim(store, 1, "wk_1", types={"work": 1})).leases[0]
    assert await codes(store, ids[1]) == ["ready"]
    await claim(store, 1, "wk_2", types={"other": None})
    facts = {"name": "work", "workers": 2, "running": 1, "limit": 1}
    assert await causes(store, ids[1]) == {"type_busy": facts}
    await finish(store, first, OK)
    assert await codes(store, ids[1]) == ["ready"]


async def test_only_jobs_of_the_same_lane_are_ahead(served: Namespace) -> None:
    await limit(served, priority_aging_ms=None)
    for priority in (1, 100, 200):
        await submit(served, priority=priority)
    await submit(served, name="other", priority=1)
    await submit(served, limit_key="acme", priority=1)
    id = await submit(served, priority=150)
    assert await causes(served, id) == {"jobs_ahead": {"ahead": 2, "priority": 150, "aging_seconds": None}}


async def test_several_reasons_apply_at_once(store: Namespace) -> None:
    await limit(store, paused=True, max_concurrency=1)
    for _ in range(2):
        await submit(store)
    await limit(store, paused=False)
    await claim(store)
    await limit(store, paused=True)
    id = await submit(store)
    assert await codes(store, id) == ["queue_paused", "no_worker", "queue_concurrency", "jobs_ahead"]
