"""Deliveries: leased to one worker at a time, in order per resource, repeated, bounded, and never lost."""

import asyncio
from typing import Any

import pytest

from service.domain.callback import Callback
from service.domain.errors import InvalidState, NotFound
from service.domain.states import State
from service.domain.webhook import CALLBACKS, DISABLE_MS
from service.store.namespace import Namespace
from tests.store.webhooks import (
    BROKEN_DOWN,
    LEASE_MS,
    SECRET,
    accept,
    drain,
    endpoint,
    later,
    lease,
    reject,
    succeed,
)
from tests.support.factories import OK, claim, finish, job_in

pytestmark = pytest.mark.anyio


async def twice(store: Namespace) -> str:
    """A job that died, ran again and succeeded: two events in one line."""
    id, _ = await job_in(store, State.DEAD)
    await store.jobs.redrive([id])
    assert await finish(store, (await claim(store)).leases[0], OK) == "moved"
    return id


async def test_events_of_one_resource_are_leased_one_after_the_other(frozen: Namespace) -> None:
    await endpoint(frozen)
    id = await twice(frozen)
    (first,) = (await lease(frozen)).leased
    assert (await lease(frozen)).leased == []
    assert await reject(frozen, first) == "moved"
    assert (await lease(frozen)).leased == [], "the second event overtook the first"
    later(frozen, 5_000)
    (again,) = (await lease(frozen)).leased
    assert (again.delivery.event, again.delivery.attempts) == ("job.dead", 1)
    assert await accept(frozen, again) == "moved"
    (second,) = (await lease(frozen)).leased
    assert (second.delivery.event, second.delivery.resource) == ("job.succeeded", id)


async def test_a_failing_delivery_holds_back_its_resource_only(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    stuck = await succeed(frozen)
    (first,) = (await lease(frozen)).leased
    await reject(frozen, first)
    others = [await succeed(frozen) for _ in range(5)]
    sent = await drain(frozen)
    assert {resource for _, resource in sent} == set(others)
    page = await frozen.outbox.list(hook.id, "pending", 50, None)
    assert [row.resource for row in page.items] == [stuck]


async def test_the_lease_of_a_killed_worker_expires_and_its_late_result_is_ignored(frozen: Namespace) -> None:
    await endpoint(frozen)
    await succeed(frozen)
    (lost,) = (await lease(frozen)).leased
    claimed = await lease(frozen)
    assert (claimed.leased, claimed.next_in_ms) == ([], LEASE_MS)
    later(frozen, LEASE_MS)
    (found,) = (await lease(frozen)).leased
    assert await accept(frozen, lost) == "stale"
    assert await accept(frozen, found) == "moved"
    assert await accept(frozen, found) == "stale"


async def test_several_workers_share_the_deliveries_and_none_is_leased_twice(store: Namespace) -> None:
    await endpoint(store)
    ids = [await succeed(store) for _ in range(40)]
    claims = await asyncio.gather(*[lease(store, slots=8) for _ in range(6)])
    leased = [one.delivery.resource for found in claims for one in found.leased]
    assert sorted(leased) == sorted(ids)
    await asyncio.gather(*[accept(store, one) for found in claims for one in found.leased])


async def test_an_endpoint_that_hangs_leaves_slots_for_the_others(frozen: Namespace) -> None:
    slow, quick = await endpoint(frozen, "job.*"), await endpoint(frozen, "job.*")
    for _ in range(20):
        await succeed(frozen)
    claimed = await lease(frozen, slots=32)
    by_target = [one.delivery.target for one in claimed.leased]
    assert (by_target.count(slow.id), by_target.count(quick.id)) == (8, 8)
    for one in claimed.leased:
        if one.delivery.target == quick.id:
            await accept(frozen, one)
    # The attempts to the other endpoint are still being made.
    claimed = await lease(frozen, **{slow.id: 8})
    assert {one.delivery.target for one in claimed.leased} == {quick.id}
    for one in claimed.leased:
        await reject(frozen, one)
    # A failing endpoint gets a single attempt at a time.
    later(frozen, 60_000)
    by_target = [one.delivery.target for one in (await lease(frozen)).leased]
    assert (by_target.count(slow.id), by_target.count(quick.id)) == (8, 1)


async def test_a_claim_does_not_look_for_targets_that_it_may_not_attempt(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    await succeed(frozen)
    assert await lease(frozen, **{hook.id: 8}) == await lease(frozen, **{hook.id: 8})
    assert (await lease(frozen, **{hook.id: 8})).next_in_ms is None
    assert (await lease(frozen, **{hook.id: 7})).leased != []


async def test_an_endpoint_that_fails_for_a_day_is_disabled_and_its_deliveries_end(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    for _ in range(3):
        await succeed(frozen)
    leased = (await lease(frozen)).leased
    assert [await reject(frozen, one, DISABLE_MS) for one in leased] == ["moved"] * 3
    failing = await frozen.webhooks.get(hook.id)
    assert failing is not None
    assert failing.failing_since is not None
    later(frozen, DISABLE_MS)
    (one,) = (await lease(frozen)).leased
    assert await reject(frozen, one) == "disabled"
    found = await frozen.webhooks.get(hook.id)
    assert found is not None
    assert (found.disabled_reason, found.disabled_at) == ("failing", int(frozen.scripts.now))
    assert (await lease(frozen)).leased == []
    await succeed(frozen)
    page = await frozen.outbox.list(hook.id, None, 50, None)
    assert [(row.status, row.failure_reason) for row in page.items] == [("failed", "disabled")] * 3
    with pytest.raises(InvalidState):
        await frozen.outbox.resend(hook.id, frozen.outbox.id_of(page.items[0]))
    enabled = await frozen.webhooks.enable(found)
    assert (enabled.disabled_at, enabled.failing_since) == (None, None)
    await frozen.outbox.resend(hook.id, frozen.outbox.id_of(page.items[0]))
    id = await succeed(frozen)
    assert [resource for _, resource in await drain(frozen)] == [page.items[0].resource, id]


async def test_a_success_ends_the_failing_of_an_endpoint(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    await succeed(frozen)
    for _ in range(3):
        (one,) = (await lease(frozen)).leased
        assert await reject(frozen, one, DISABLE_MS - 1) == "moved"
        await succeed(frozen)
        await drain(frozen)
        later(frozen, DISABLE_MS - 1)
    found = await frozen.webhooks.get(hook.id)
    assert found is not None
    assert (found.disabled_at, found.failing_since) == (None, None)


async def test_gone_disables_the_endpoint_at_once(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    await succeed(frozen)
    (one,) = (await lease(frozen)).leased
    assert await frozen.outbox.end(one, BROKEN_DOWN, retry_ms=None, failure_reason="gone") == "disabled"
    found = await frozen.webhooks.get(hook.id)
    assert found is not None
    assert found.disabled_reason == "gone"


async def test_a_callback_that_is_gone_disables_no_other(frozen: Namespace) -> None:
    for _ in range(2):
        await succeed(frozen, callback=Callback("https://callback.example/", ("succeeded",)))
    first, second = (await lease(frozen)).leased
    assert await frozen.outbox.end(first, BROKEN_DOWN, retry_ms=None, failure_reason="gone") == "moved"
    assert await accept(frozen, second) == "moved"


async def test_ended_deliveries_are_sent_again_behind_what_is_pending(
    frozen: Namespace,
) -> None:
    hook = await endpoint(frozen)
    id = await twice(frozen)
    (first,) = (await lease(frozen)).leased
    await accept(frozen, first)
    name = frozen.outbox.id_of(first.delivery)
    again = await frozen.outbox.resend(hook.id, name)
    assert (again.status, again.attempts, frozen.outbox.id_of(again)) == ("pending", 1, name)
    assert await drain(frozen) == [("job.succeeded", id), ("job.dead", id)]
    assert (await frozen.outbox.get(hook.id, name)).status == "delivered"


async def test_a_pending_delivery_is_attempted_now_but_not_twice_at_a_time(frozen: Namespace) -> None:
    hook = await endpoint(frozen)
    await succeed(frozen)
    (one,) = (await lease(frozen)).leased
    name = frozen.outbox.id_of(one.delivery)
    await frozen.outbox.resend(hook.id, name)
    assert (await lease(frozen)).leased == []
    await reject(frozen, one, 3_600_000)
    assert (await lease(frozen)).leased == []
    again = await frozen.outbox.resend(hook.id, name)
    assert again.next_attempt_at == int(frozen.scripts.now)
    assert len((await lease(frozen)).leased) == 1


async def test_a_full_outbox_drops_new_events_and_says_so(store: Namespace) -> None:
    hook, other = await endpoint(store, "job.*"), await endpoint(store, "queue.*")
    redis: Any = store.scripts.redis
    key = f"{store.scripts.prefix}webhook:{hook.id}"
    await redis.hset(key, "pending", 50_000)
    await succeed(store)
    await store.queues.pause("default")
    assert [one.delivery.target for one in (await lease(store)).leased] == [other.id]
    await redis.hset(key, "pending", 0)
    await redis.hincrby(f"{store.scripts.prefix}counters", "deliveries_pending", 100_000)
    await store.queues.resume("default")
    await redis.hincrby(f"{store.scripts.prefix}counters", "deliveries_pending", -100_000)
    found = [await store.webhooks.get(id) for id in (hook.id, other.id)]
    assert [row and row.dropped for row in found] == [1, 1]
    assert (await store.outbox.counts()).dropped == 2


async def test_only_the_last_thousand_ended_deliveries_are_kept(store: Namespace) -> None:
    hook = await endpoint(store)
    redis: Any = store.scripts.redis
    ended = f"{store.scripts.prefix}webhook:{hook.id}:ended"
    await redis.zadd(ended, {f"old {number}": -number for number in range(1, 1_001)})
    await succeed(store)
    await drain(store)
    assert await redis.zcard(ended) == 1_000
    assert await redis.zscore(ended, "old 1000") is None


async def test_pages_of_deliveries_are_newest_first_and_complete(store: Namespace) -> None:
    hook = await endpoint(store)
    ids = [await succeed(store) for _ in range(7)]
    for one in (await lease(store, slots=3)).leased:
        await accept(store, one)
    found: list[str] = []
    cursor = None
    while True:
        page = await store.outbox.list(hook.id, None, 3, cursor)
        found += [row.resource for row in page.items]
        if (cursor := page.next_cursor) is None:
            break
    assert found == ids[::-1]
    assert len((await store.outbox.list(hook.id, "pending", 50, None)).items) == 4
    assert len((await store.outbox.list(hook.id, "delivered", 50, None)).items) == 3


async def test_a_deleted_endpoint_takes_its_deliveries_with_it(store: Namespace) -> None:
    hook = await endpoint(store)
    await twice(store)
    (one,) = (await lease(store)).leased
    assert await store.webhooks.delete(hook.id, None)
    assert await accept(store, one) == "stale"
    assert (await store.outbox.counts()).pending == 0
    with pytest.raises(NotFound):
        await store.outbox.get(hook.id, store.outbox.id_of(one.delivery))


async def test_the_first_callback_creates_its_secret_once(store: Namespace) -> None:
    found = await asyncio.gather(*[store.outbox.secrets_of_callbacks(SECRET) for _ in range(3)])
    assert found == [(SECRET,)] * 3
    stored = await store.webhooks.get(CALLBACKS)
    assert stored is not None
    assert stored.secrets == (SECRET,)
    assert await store.webhooks.list() == []


async def test_an_event_wakes_the_worker_that_looked_last_and_only_once(store: Namespace) -> None:
    await endpoint(store)
    redis: Any = store.scripts.redis

    async def woken() -> bool:
        return bool(await redis.unlink(f"{store.scripts.prefix}worker:wk_1:inbox"))

    assert (await lease(store)).leased == []
    await succeed(store)
    assert await woken()
    await succeed(store)
    assert not await woken(), "it is already looking"
    # A worker whose attempts are being made still has slots for the next event.
    assert len((await lease(store)).leased) == 2
    await succeed(store)
    assert await woken()
    # One without slots looks when an attempt ends.
    assert len((await lease(store, slots=1)).leased) == 1
    await succeed(store)
    assert not await woken()


async def test_an_endpoint_is_deleted_with_and_without_pending_deliveries(store: Namespace) -> None:
    pending: Any = store.scripts.redis
    for events, left in ((), 0), (("job.succeeded",), 1):
        hook = await endpoint(store)
        if events:
            await succeed(store)
        counted = await pending.hget(f"{store.scripts.prefix}counters", "deliveries_pending")
        assert int(counted or 0) == left
        assert await store.webhooks.delete(hook.id, None)
        assert int(await pending.hget(f"{store.scripts.prefix}counters", "deliveries_pending")) == 0
