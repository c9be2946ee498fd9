"""The payload that items of a fan-out share is stored once, and merged with what each item adds."""

import os
from typing import Any

import orjson
import pytest

from service.clock import Clock
from service.domain.fan_out import MEMBERS, FanOutSpec, Item, item_id
from service.domain.ids import IdFactory
from service.domain.job_spec import JobSpec
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.support import invariants
from tests.support.factories import HOPELESS, OK, claim, finish

pytestmark = pytest.mark.anyio

IDS = IdFactory(Clock().now_ms, os.urandom)
TEMPLATE = {"shop": "s", "text": "y" * 60_000}


async def opened(store: Namespace, payloads: list[Any], template: Any = TEMPLATE) -> str:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work", payload=orjson.dumps(template)))
    await store.fan_outs.create(id, spec, len(payloads), None)
    items = [Item(index, orjson.dumps(payload)) for index, payload in enumerate(payloads)]
    await store.fan_outs.add_items(id, items)
    return id


async def memory(store: Namespace, id: str, count: int) -> int:
    redis: Any = store.scripts.redis
    names = [keys.job(store.scripts.prefix, id=item_id(id, index)) for index in range(count)]
    names += [build(store.scripts.prefix, group=id) for build in (keys.group, keys.shared_payload)]
    return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])


async def test_a_large_template_is_not_kept_once_per_item(store: Namespace) -> None:
    id = await opened(store, [{}] * 100)
    assert await memory(store, id, 100) < 100 * 2_000 + 3 * len(orjson.dumps(TEMPLATE))


async def test_workers_and_readers_see_the_whole_payload(store: Namespace) -> None:
    id = await opened(store, [{"order": 1}, {"shop": "other", "order": 2}])
    expected = [TEMPLATE | {"order": 1}, TEMPLATE | {"shop": "other", "order": 2}]
    leases = (await claim(store, 2, request_id="r")).leases
    assert [orjson.loads(lease.job.payload) for lease in leases] == expected
    again = (await claim(store, 2, request_id="r")).leases
    assert [lease.job.payload for lease in again] == [lease.job.payload for lease in leases]
    jobs = await store.queries.jobs([item_id(id, 0), item_id(id, 1)])
    assert [orjson.loads(job.payload) for job in jobs if job is not None] == expected


async def test_an_empty_template_shares_nothing(store: Namespace) -> None:
    id = await opened(store, [{"order": 1}], template={})
    redis: Any = store.scripts.redis
    assert not await redis.exists(keys.shared_payload(store.scripts.prefix, group=id))
    assert (await claim(store)).leases[0].job.payload == b'{"order":1}'


async def test_it_is_kept_as_long_as_any_item(store: Namespace) -> None:
    id = await opened(store, [{}, {}, {}])
    for lease, outcome in zip((await claim(store, 3)).leases, (OK, OK, HOPELESS), strict=True):
        await finish(store, lease, outcome)
    await store.fan_outs.seal(id, 3)
    key, redis = keys.shared_payload(store.scripts.prefix, group=id), store.scripts.redis
    await store.jobs.delete([item_id(id, 0)])
    # A group may be forgotten before its dead items are, and these can still run again.
    await store.groups.forget(id)
    await store.jobs.delete([item_id(id, 1)])
    await invariants.check(store)
    await store.jobs.redrive([item_id(id, 2)])
    lease = (await claim(store)).leases[0]
    assert orjson.loads(lease.job.payload) == TEMPLATE
    await finish(store, lease, OK)
    assert await redis.exists(key)
    await store.jobs.delete([item_id(id, 2)])
    assert not await redis.exists(key)


async def test_an_items_own_payload_can_replace_both(store: Namespace) -> None:
    id = await opened(store, [{"order": 1}])
    await finish(store, (await claim(store)).leases[0], HOPELESS)
    await store.jobs.redrive([item_id(id, 0)], payload=b'{"new":true}')
    assert (await claim(store)).leases[0].job.payload == b'{"new":true}'
    assert not await store.scripts.redis.exists(keys.shared_payload(store.scripts.prefix, group=id))
    await invariants.check(store)


async def test_a_payload_that_cannot_be_merged_harms_no_other_job(store: Namespace) -> None:
    id = await opened(store, [{"order": 1}, {"order": 2}])
    redis: Any = store.scripts.redis
    await redis.hset(keys.job(store.scripts.prefix, id=item_id(id, 0)), "payload", "{")
    first, second = (await claim(store, 2)).leases
    assert first.job.payload == b"{"
    assert orjson.loads(second.job.payload) == TEMPLATE | {"order": 2}
