"""One cycle of an audit finds what is wrong, repairs it or says so, and changes nothing else."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from service.domain.job_spec import Unique
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from tests.audit.auditing import audit, kinds
from tests.audit.damages import DAMAGES, Damage
from tests.audit.shop import Shop, open_shop
from tests.conftest import DEAD_RETENTION_MS
from tests.support import invariants
from tests.support.factories import OK, claim, finish, state_of, submit
from tests.support.quota_invariants import set_quotas

pytestmark = pytest.mark.anyio

#: What an audit writes about itself.
OWN = ("audit", "audit_changes", "watched")


class Copies:
    """Copies of a shop, which is built once: building takes longer than everything else."""

    def __init__(self, origin: Shop, dump: dict[str, bytes], contents: dict[str, Any]) -> None:
        self._origin, self._dump, self.contents = origin, dump, contents

    @classmethod
    async def of(cls, redis: Any) -> "Copies":
        shop = await open_shop(Namespace(redis, "origin", DEAD_RETENTION_MS))
        return cls(shop, await dump(shop), await contents(shop))

    async def restore(self, store: Namespace) -> Shop:
        pipe: Any = store.scripts.redis.pipeline(transaction=False)
        for key, value in self._dump.items():
            pipe.restore(store.scripts.prefix + key, 0, value)
        await pipe.execute()
        return Shop(store, self._origin.ids)


async def names_of(shop: Shop) -> list[str]:
    prefix = shop.store.scripts.prefix
    names = [raw.decode() async for raw in shop.redis.scan_iter(match=f"{prefix}*", count=1000)]
    return sorted(name.removeprefix(prefix) for name in names)


async def dump(shop: Shop) -> dict[str, bytes]:
    """What RESTORE needs."""
    names = await names_of(shop)
    pipe = shop.redis.pipeline(transaction=False)
    for name in names:
        pipe.dump(shop.store.scripts.prefix + name)
    return dict(zip(names, await pipe.execute(), strict=True))


async def contents(shop: Shop) -> dict[str, Any]:
    """Everything but what an audit writes about itself, independently of the order of hashes."""
    names = [name for name in await names_of(shop) if name not in OWN]
    pipe = shop.redis.pipeline(transaction=False)
    for name in names:
        pipe.type(shop.store.scripts.prefix + name)
    types = await pipe.execute()
    for name, kind in zip(names, types, strict=True):
        key = shop.store.scripts.prefix + name
        match kind:
            case b"hash":
                pipe.hgetall(key)
            case b"zset":
                pipe.zrange(key, 0, -1, withscores=True)
            case b"set":
                pipe.smembers(key)
            case b"list":
                pipe.lrange(key, 0, -1)
            case _:
                pipe.get(key)
    return dict(zip(names, await pipe.execute(), strict=True))


COPIES: list[Copies] = []


@pytest.fixture
async def shop(redis_url: str, namespace: str) -> AsyncIterator[Shop]:
    """Unlike `store`, does not check the invariants at the end: some damages are not repaired."""
    redis = connect(redis_url, socket_timeout=10)
    if not COPIES:
        COPIES.append(await Copies.of(redis))
    yield await COPIES[0].restore(Namespace(redis, namespace, DEAD_RETENTION_MS))
    await redis.flushdb(asynchronous=True)
    await redis.aclose()


async def damage(shop: Shop, what: Damage) -> None:
    for command in what.commands:
        verb, key, *words = command.split(" ")
        given = [shop.name(word).encode(errors="surrogateescape") for word in words]
        await shop.redis.execute_command(verb, shop.key(key), *given)


async def test_a_sound_namespace_has_no_findings(shop: Shop) -> None:
    await invariants.check(shop.store)
    before = await contents(shop)
    report = await audit(shop.store)
    assert report.findings == ()
    assert report.all_keys
    assert report.counters
    assert await contents(shop) == before


@pytest.mark.parametrize("what", DAMAGES, ids=lambda damage: damage.name)
async def test_one_cycle_finds_a_damage(shop: Shop, what: Damage) -> None:
    await damage(shop, what)
    before = {} if what.repaired else await contents(shop)
    report = await audit(shop.store)
    found = kinds(report)
    if what.repaired:
        assert set(found) == {"repaired"}, report.findings
        assert set(what.kinds) <= found["repaired"], report.findings
        if await contents(shop) != COPIES[0].contents:
            await invariants.check(shop.store)  # The same is not possible: the end of a lost lease, say.
    else:
        assert what.kinds[0] in found["reported"], report.findings
        assert set(found) == {"reported"}, report.findings
        assert await contents(shop) == before, "it has made a guess"


async def test_without_repairs_it_only_says_what_it_would_repair(shop: Shop) -> None:
    for what in [what for what in DAMAGES if what.repaired][:20]:
        await damage(shop, what)
    before = await contents(shop)
    seen = await audit(shop.store, repair=False)
    assert set(kinds(seen)) == {"repairable"}
    assert seen.count("repairable") >= 20
    assert await contents(shop) == before
    assert set(kinds(await audit(shop.store))) == {"repaired"}
    await invariants.check(shop.store)


async def test_a_notification_that_a_task_will_send_is_not_missing(shop: Shop) -> None:
    then, first = shop.ids["then"], shop.ids["first"]
    await shop.redis.zrem(shop.key("job:{first}:dependents"), then)
    (lease,) = (await claim(shop.store, 1, queues={"groups": 1})).leases
    assert await finish(shop.store, lease, OK) == "moved"
    await shop.redis.zadd(shop.key("tasks"), {f"notify {first}": 1})
    assert (await audit(shop.store)).findings == ()
    await shop.redis.zrem(shop.key("tasks"), f"notify {first}")
    assert kinds(await audit(shop.store)) == {"repaired": {"lost_dependency"}}
    assert await state_of(shop.store, then) == "queued"
    await invariants.check(shop.store)


async def test_the_first_quotas_learn_what_is_there_already(store: Namespace) -> None:
    """Until then they only know how many jobs there are, which an audit does not report."""
    await submit(store, limit_key="a", unique=Unique("u"), payload=b'{"n":1}')
    await set_quotas(store)
    assert (await audit(store)).findings == ()
    await invariants.check(store)
    redis: Any = store.scripts.redis
    await redis.hincrby(f"{store.scripts.prefix}quotas", "used_bytes", 5)
    assert kinds(await audit(store)) == {"repaired": {"wrong_count"}}
