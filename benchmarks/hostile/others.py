"""Webhooks, schedules, keys, tenants and audits."""

import contextlib

from benchmarks.hostile.stage import (
    FATAL,
    TAGS,
    Stage,
    claim_all,
    finishes,
    full,
    new_id,
    submit,
    worker_record,
)
from service.clock import Clock
from service.domain.access_key import AccessKey
from service.domain.errors import NamespaceNotEmpty
from service.domain.job_cost import BATCH
from service.domain.tenant import NO_POLICY
from service.domain.webhook import Attempt, Secret
from service.store.audit.audits import no_pause
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.store.redis import keys
from service.store.tenants.access_keys import AccessKeys
from service.store.tenants.tenants import Tenants
from workers.maintenance.scheduler import AT_MOST, Scheduler
from workers.maintenance.webhooks.sender import CONCURRENCY, PER_TARGET

DELIVERIES = 2_000
SCHEDULES = 1_000
#: The largest payload that the API admits by default.
PAYLOAD = {"text": "x" * 65_000}


async def webhooks(stage: Stage) -> None:
    namespace = await stage.namespace("webhooks")
    endpoints = await namespace.webhooks.list()
    for start in range(0, DELIVERIES, BATCH):
        ids = await submit(namespace, [full(start + place, queue="one") for place in range(BATCH)])
        await namespace.jobs.cancel(ids[: BATCH // 2], 0)
        await namespace.queues.purge("one")
    for number in range(500):
        await namespace.outbox.send_test(endpoints[0], f"call-{number}")
    now = Clock().now_ms()
    for _ in range(5):
        found = await namespace.outbox.claim("wk_0", 30_000, CONCURRENCY, PER_TARGET, {})
        for place, leased in enumerate(found.leased):
            attempt = Attempt(at=now, duration_ms=1, status=200)
            await namespace.outbox.end(leased, attempt, retry_ms=1_000 if place % 2 else None)
    page = await namespace.outbox.list(endpoints[0].id, None, 50, None)
    for delivery in page.items:
        await namespace.outbox.resend(endpoints[0].id, namespace.outbox.id_of(delivery))
    await namespace.outbox.secrets_of_callbacks(Secret("whsec_" + "s" * 40))
    await audit(namespace)
    for endpoint in (await namespace.webhooks.list())[1:]:
        await namespace.webhooks.disable(endpoint)
    for _ in range(10):
        await namespace.outbox.claim("wk_0", 30_000, CONCURRENCY, PER_TARGET, {})
    for endpoint in await namespace.webhooks.list():
        await namespace.webhooks.delete(endpoint.id, None)


async def schedules(stage: Stage) -> None:
    namespace = await stage.namespace("schedules")
    now = Clock().now_ms()
    job = {
        "name": "work-0",
        "queue": "q",
        "payload": PAYLOAD,
        "tags": dict(list(TAGS.items())[1:]),
        "limit_key": "key",
    }
    for number in range(SCHEDULES):
        definition = {
            "cron": "* * * * *",
            "timezone": "UTC",
            "job": job,
            "catch_up": "all",
            "overlap": "allow",
        }
        definition |= dict.fromkeys(("every_ms", "start_ms", "end_ms"))
        await namespace.schedules.put(f"schedule-{number}", definition, False, None, now, "q")
    namespace.scripts.now = str(now + 7_200_000)
    due = await namespace.schedules.find_due(AT_MOST)
    scheduler = Scheduler(namespace, new_id, 1_000, Clock())
    for found in due.due[:5]:
        await scheduler.fire(found, due.now)
    await namespace.schedules.delete("schedule-0", None)


async def audits(stage: Stage) -> None:
    namespace = await stage.namespace("audit")
    for start in range(0, 4 * BATCH, BATCH):
        await submit(namespace, [full(start + place) for place in range(BATCH)])
    await namespace.leases.finish(finishes(await claim_all(namespace, 200), FATAL))
    # Damage, so that the audit corrects counters as well.
    prefix = namespace.scripts.prefix
    for queue in range(0, 4 * BATCH, 4):
        await stage.redis.hincrby(keys.dead(prefix), f"failed:queue-{queue}", 3)
    await audit(namespace)


async def audit(namespace: Namespace) -> None:
    await namespace.audits.request()
    assert await namespace.audits.claim("holder", 0, now=True) is None
    await namespace.audits.run("holder", Terms(), no_pause)


async def the_rest(stage: Stage) -> None:
    """Commands whose work does not depend on what a tenant has stored."""
    namespace = await stage.namespace("rest")
    await namespace.limiters.acquire("limiter", 100, 1_000, "caller")
    await namespace.workers.request_drain(worker_record(0).id)
    access = AccessKeys(stage.redis)
    for number in range(200):
        key = AccessKey(f"key_{number}", "key", "rest", frozenset({"jobs:read"}), number)
        await access.create(key, f"{number:064x}")
    await access.page("rest", 200, None)
    await access.rotate("key_1", "f" * 64, 1_000, 1)
    await access.revoke("key_1")
    tenants = Tenants(stage.redis)
    await tenants.usage("rest")
    await tenants.change(await tenants.get("rest"), NO_POLICY, "")
    with contextlib.suppress(NamespaceNotEmpty):
        await tenants.delete("rest")


SCENES = (webhooks, schedules, audits, the_rest)
