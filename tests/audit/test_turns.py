"""One process at a time audits a namespace, when it is due or requested, and only it corrects counters."""

import asyncio
from functools import partial
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from service.domain.audit import TurnLost
from service.domain.states import State
from service.store.audit.audits import TURN_MS, no_pause
from service.store.audit.cycle import Terms
from service.store.namespace import Namespace
from service.store.redis.key_groups import audit_keys
from service.tasks import end
from tests.audit.auditing import audit, kinds
from tests.audit.shop import IDS
from tests.conftest import DEAD_RETENTION_MS
from tests.store.webhooks import later
from tests.support.eventually import eventually
from tests.support.factories import job_in, register_worker, submit
from workers.maintenance.audit.auditor import Auditor
from workers.maintenance.periodic import repeat
from workers.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


async def test_a_new_namespace_is_due_after_one_interval_and_then_once_in_each(frozen: Namespace) -> None:
    audits = frozen.audits
    assert await audits.claim("au_1", HOUR) == 3_600
    later(frozen, HOUR - 1)
    assert await audits.claim("au_1", HOUR) == 0.001
    later(frozen, 1)
    assert await audits.claim("au_1", HOUR) is None
    assert await audits.claim("au_2", HOUR) == TURN_MS / 1_000, "two processes have the turn"
    await audits.run("au_1", Terms(), no_pause)
    assert await audits.claim("au_2", HOUR) == 3_600


async def test_a_cycle_whose_process_died_is_repeated_by_another(frozen: Namespace) -> None:
    assert await frozen.audits.claim("au_1", HOUR, now=True) is None
    later(frozen, TURN_MS)
    assert await frozen.audits.claim("au_2", HOUR) is None
    with pytest.raises(TurnLost):
        await frozen.audits.run("au_1", Terms(), no_pause)


async def test_who_has_lost_the_turn_corrects_nothing(store: Namespace) -> None:
    redis: Any = store.scripts.redis
    key = audit_keys.audit(store.scripts.prefix)
    await redis.hset(key, mapping={"holder": "au_2", "until": 1})
    assert await store.scripts.run("audit_adjust", ["au_1", "au_1 1", "busy key:a|x", 5]) == b"stale"
    for _ in range(2):  # A reply may be lost, and the call repeated.
        assert await store.scripts.run("audit_adjust", ["au_2", "au_2 1", "busy key:a|x", 5]) == b"moved"
    assert await redis.hget(f"{store.scripts.prefix}busy", "key:a|x") == b"5"
    assert kinds(await audit(store)) == {"repaired": {"wrong_count"}}


async def test_a_worker_audits_when_it_is_asked_and_reports(store: Namespace) -> None:
    await register_worker(store)
    metrics = Metrics()
    auditor = Auditor(store.audits, 0, Terms(), lambda prefix: IDS.new(prefix), metrics.audits, no_pause)
    id, _ = await job_in(store, State.RUNNING)
    redis: Any = store.scripts.redis
    await redis.zrem(f"{store.scripts.prefix}leases", id)
    with capture_logs() as lines:
        duty = asyncio.create_task(repeat("audit", auditor.audit))
        await asyncio.wait({duty}, timeout=0.02)
        assert (await store.audits.state()).report is None, "it audits without being asked"
        await store.audits.request()
        assert (await store.audits.state()).requested_at is not None
        auditor.wake()

        async def reported() -> None:
            state = await store.audits.state()
            assert state.report is not None
            assert (state.report.repaired, state.running_since, state.requested_at) == (1, None, None)

        await eventually(reported)
        await end([duty])
    assert [line["kinds"] for line in lines if line["event"] == "audit_found"] == [["missing_entry"]]
    labels = {"kind": "missing_entry", "outcome": "repaired"}
    assert metrics.registry.get_sample_value("triage_audit_findings_total", labels) == 1


async def test_a_worker_audits_one_namespace_at_a_time(store: Namespace) -> None:
    """Otherwise a worker of fifty namespaces that are due at once uses five times the share of one audit."""
    audits, metrics, auditing = {"": 0}, Metrics(), asyncio.Lock()
    most: list[int] = []

    async def pause(seconds: float, name: str) -> None:
        audits[name] = 1
        most.append(sum(audits.values()))
        await no_pause(seconds)

    async def audit_of(name: str) -> None:
        other = Namespace(store.scripts.redis, f"{store.scripts.namespace}-{name}", 0)
        await other.audits.request()
        auditor = Auditor(
            other.audits, 0, Terms(), IDS.new, metrics.audits, partial(pause, name=name), auditing=auditing
        )
        await auditor.audit()
        audits[name] = 0

    await asyncio.gather(*map(audit_of, "abc"))
    assert set(most) == {1}


async def test_without_scan_it_follows_the_indexes(store: Namespace) -> None:
    """As the documented users of workers: it finds everything but a job that no index names."""
    queued, lost = await submit(store, limit_key="a"), await submit(store)
    redis: Any = store.scripts.redis
    prefix = store.scripts.prefix
    await redis.execute_command("ACL", "SETUSER", "narrow", "on", "nopass", "~*", "&*", "+@all", "-scan")
    narrow = Redis.from_url(f"unix://narrow@{redis.connection_pool.connection_kwargs['path']}")
    try:
        await redis.zrem(f"{prefix}queue:default|queued", queued)
        await redis.zrem(f"{prefix}queue:default|queued", lost)
        await redis.zrem(f"{prefix}queue:default|lane:work|", lost)
        await redis.zrem(f"{prefix}queue:default|types", "work")
        await redis.zadd(f"{prefix}leases", {"job_gone": 5})
        report = await audit(Namespace(narrow, store.scripts.namespace, DEAD_RETENTION_MS))
        assert not report.all_keys
        assert kinds(report) == {"repaired": {"missing_entry", "dangling_entry"}}, report.findings
        again = await audit(store)
        assert again.all_keys
        assert {finding.id for finding in again.findings} == {lost}
    finally:
        await narrow.aclose()
        await redis.execute_command("ACL", "DELUSER", "narrow")
