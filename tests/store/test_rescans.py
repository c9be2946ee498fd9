"""New settings for a queue whose limits have closed many keys."""

from typing import Any

import pytest

from service.domain.limits import KeyLimits
from service.store.namespace import Namespace
from tests.support.factories import claim, limit, register_worker, submit

pytestmark = pytest.mark.anyio


async def test_new_limits_of_a_queue_with_many_closed_keys_are_spread_over_calls(store: Namespace) -> None:
    """The first call re-checks a thousand closed limiters, later claims the rest."""
    redis: Any = store.scripts.redis
    await limit(store, per_key=KeyLimits(max_concurrency=1))
    for number in range(3):
        for _ in range(2):
            await submit(store, limit_key=f"key-{number}")
    assert len((await claim(store, 9)).leases) == 3
    closed = f"{store.scripts.prefix}closed_limiters"
    strangers = {f"key:elsewhere|{number}": 10**15 for number in range(5_000)}
    await redis.zadd(closed, strangers)
    await limit(store, per_key=KeyLimits(max_concurrency=2))

    assert await redis.zscore(closed, "rescan:default") is not None
    leases = [lease for _ in range(12) for lease in (await claim(store, 9)).leases]
    assert len(leases) == 3
    assert await redis.zscore(closed, "rescan:default") is None
    await redis.zrem(closed, *strangers)


async def test_raising_the_limit_of_closed_keys_wakes_a_worker(store: Namespace) -> None:
    redis: Any = store.scripts.redis
    await register_worker(store)
    wake = f"{store.scripts.prefix}wake:{(await store.workers.alive())[0].pool}"
    await limit(store, per_key=KeyLimits(max_concurrency=1))
    for _ in range(2):
        await submit(store, limit_key="acme")
    assert len((await claim(store, 9)).leases) == 1
    await redis.delete(wake)

    await limit(store, per_key=KeyLimits(max_concurrency=2))

    assert await redis.exists(wake) == 1
    assert len((await claim(store, 9)).leases) == 1
