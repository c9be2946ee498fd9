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


async def opened(stores: Namespace, payloads: list[Any], template: Any = TEMPLATE) -> str:
    id = IDS.new("fan", members=MEMBERS)
    spec = FanOutSpec(JobSpec("work", payload=orjson.dumps(template)))
    await stores.fan_outs.create(id, spec, len(payloads), None)
    items = [Item(index, orjson.dumps(payload)) for index, payload in enumerate(payloads)]
    await stores.fan_outs.add_items(id, items)
    return id


async def memory(stores: Namespace, id: str, count: int) -> int:
    redis: Any = stores.scripts.redis
    names = [keys.job(stores.scripts.prefix, id=item_id(id, index)) for index in range(count)]
    names += [build(stores.scripts.prefix, group=id) for build in (keys.group, keys.shared_payload)]
    return sum([await redis.memory_usage(name, samples=0) or 0 for name in names])


async def test_a_large_template_is_not_kept_once_per_item(stores: Namespace) -> None:
    id = await opened(stores, [{}] * 100)
    assert await memory(stores, id, 100) < 100 * 2_000 + 3 * len(orjson.dumps(TEMPLATE))


async def test_workers_and_readers_see_the_whole_payload(stores: Namespace) -> None:
    id = await opened(stores, [{"order": 1}, {"shop": "other", "order": 2}])
    expected = [TEMPLATE | {"order": 1}, TEMPLATE | {"shop": "other", "order": 2}]
    leases = (await claim(stores, 2, request_id="r")).leases
    assert [orjson.loads(lease.job.payload) for lease in leases] == expected
    again = (await claim(stores, 2, request_id="r")).leases
    assert [lease.job.payload for lease in again] == [lease.job.payload for lease in leases]
    jobs = await stores.queries.jobs([item_id(id, 0), item_id(id, 1)])
    assert [orjson.loads(job.payload) for job in jobs if job is not None] == expected


async def test_an_empty_template_shares_nothing(stores: Namespace) -> None:
    id = await opened(stores, [{"order": 1}], template={})
    redis: Any = stores.scripts.redis
    assert not await redis.exists(keys.shared_payload(stores.scripts.prefix, group=id))
    assert (await claim(stores)).leases[0].job.payload == b'{"order":1}'


async def test_it_is_kept_as_long_as_any_item(stores: Namespace) -> None:
    id = await opened(stores, [{}, {}, {}])
    for lease, outcome in zip((await claim(stores, 3)).leases, (OK, OK, HOPELESS), strict=True):
        await finish(stores, lease, outcome)
    await stores.fan_outs.seal(id, 3)
    key, redis = keys.shared_payload(stores.scripts.prefix, group=id), stores.scripts.redis
    await stores.jobs.delete([item_id(id, 0)])
    # A group may be forgotten before its dead items are, and these can still run again.
    await stores.groups.forget(id)
    await stores.jobs.delete([item_id(id, 1)])
    await invariants.check(stores)
    await stores.jobs.redrive([item_id(id, 2)])
    lease = (await claim(stores)).leases[0]
    assert orjson.loads(lease.job.payload) == TEMPLATE
    await finish(stores, lease, OK)
    assert await redis.exists(key)
    await stores.jobs.delete([item_id(id, 2)])
    assert not await redis.exists(key)


async def test_an_items_own_payload_can_replace_both(stores: Namespace) -> None:
    id = await opened(stores, [{"order": 1}])
    await finish(stores, (await claim(stores)).leases[0], HOPELESS)
    await stores.jobs.redrive([item_id(id, 0)], payload=b'{"new":true}')
    assert (await claim(stores)).leases[0].job.payload == b'{"new":true}'
    assert not await stores.scripts.redis.exists(keys.shared_payload(stores.scripts.prefix, group=id))
    await invariants.check(stores)


async def test_a_payload_that_cannot_be_merged_harms_no_other_job(stores: Namespace) -> None:
    id = await opened(stores, [{"order": 1}, {"order": 2}])
    redis: Any = stores.scripts.redis
    await redis.hset(keys.job(stores.scripts.prefix, id=item_id(id, 0)), "payload", "{")
    first, second = (await claim(stores, 2)).leases
    assert first.job.payload == b"{"
    assert orjson.loads(second.job.payload) == TEMPLATE | {"order": 2}
