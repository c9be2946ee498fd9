"""Invariants of webhooks: every pending delivery waits in one line, and the counts say how many there are."""

from typing import Any

from service.domain.webhook import CALLBACKS
from service.store.codec.webhooks.deliveries import decode_delivery


async def check(redis: Any, prefix: str, members: dict[str, set[str]]) -> None:
    """`members` has every sorted set by its key."""
    waiting = await _waiting(redis, prefix)
    targets = {target for target, _ in waiting}
    assert members.get("outbox", set()) == targets
    for target in targets:
        lines = {resource for of_target, resource in waiting if of_target == target}
        assert members.get(f"outbox:{target}") == lines, target
        first = await redis.zrange(f"{prefix}outbox:{target}", 0, 0, withscores=True)
        assert await redis.zscore(f"{prefix}outbox", target) >= first[0][1], f"{target} is due too early"
    numbers: list[int] = []
    for endpoint in {key.split(":")[1] for key in members if key.endswith(":pending")}:
        pending = await redis.zrange(f"{prefix}webhook:{endpoint}:pending", 0, -1, withscores=True)
        for record, number in pending:
            delivery = decode_delivery(record)
            assert (delivery.number, delivery.status) == (number, "pending")
            assert delivery.number in waiting[(delivery.target, delivery.resource)]
            assert delivery.webhook_id == endpoint
            numbers.append(delivery.number)
        assert int(await redis.hget(f"{prefix}webhook:{endpoint}", "pending")) == len(pending)
    assert sorted(numbers) == sorted(number for line in waiting.values() for number in line)
    counted = await redis.hget(f"{prefix}counters", "deliveries_pending")
    assert int(counted or 0) == len(numbers)
    enabled = {
        id
        for id in members.get("webhooks", set())
        if not await redis.hexists(f"{prefix}webhook:{id}", "disabled_at")
    }
    assert {id.decode() for id in await redis.hkeys(f"{prefix}subscriptions")} == enabled - {CALLBACKS}


async def _waiting(redis: Any, prefix: str) -> dict[tuple[str, str], list[int]]:
    """The numbers of the deliveries in each line, in order."""
    found: dict[tuple[str, str], list[int]] = {}
    async for raw in redis.scan_iter(match=f"{prefix.replace('[', '[[]')}outbox:*:waiting", count=1000):
        target = raw.decode().removeprefix(f"{prefix}outbox:").removesuffix(":waiting")
        for resource, numbers in (await redis.hgetall(raw)).items():
            found[target, resource.decode()] = [int(number) for number in numbers.split()]
    return found
