"""However much changes during an audit, it finds nothing in a sound namespace, and damage all the same."""

import asyncio
import os
import random
from typing import Any

import pytest

from service.domain.audit import Report
from service.store.leases import Leases
from service.store.namespace import Namespace
from service.tasks import end
from tests.audit.auditing import audit
from tests.audit.churn import QUEUES, Churn
from tests.support.factories import claim
from tests.support.quota_invariants import set_quotas

pytestmark = pytest.mark.anyio

#: `AUDIT_CHURN_SECONDS=600 AUDIT_SEED=7 pytest tests/audit/test_churn.py` searches longer or repeats a run.
SECONDS = float(os.environ.get("AUDIT_CHURN_SECONDS", "1"))
SEED = int(os.environ.get("AUDIT_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
ACTORS = 4


# The last audit counts twice, over everything that the churn has left: longer than any before it.
@pytest.mark.timeout(3 * SECONDS + 60)
async def test_churn_is_no_damage(store: Namespace, other: Namespace) -> None:
    await set_quotas(store)
    for queue in QUEUES:
        await store.queues.configure(queue, {"max_depth": 50})
    stopped = asyncio.Event()
    churns = [Churn(store, random.Random(f"{SEED} {number}")) for number in range(ACTORS)]
    store.leases = Leases(store.scripts, 300)
    tasks = [asyncio.create_task(churn.run(stopped)) for churn in churns]
    reports: list[Report] = []
    until = asyncio.get_running_loop().time() + SECONDS
    while asyncio.get_running_loop().time() < until:
        reports.append(await audit(other, repair=False))
        assert reports[-1].findings == (), f"AUDIT_SEED={SEED}"
        assert not any(task.done() for task in tasks)
    # A wrong counter is found although all counters change.
    redis: Any = store.scripts.redis
    await redis.hincrby(f"{store.scripts.prefix}busy", "key:a|x", 3)
    damaged = await audit(other)
    stopped.set()
    await end(tasks)
    found = {(finding.kind, finding.outcome, finding.key) for finding in damaged.findings}
    assert found == {("wrong_count", "repaired", "busy")}, damaged.findings
    assert all(report.counters for report in reports)
    assert sum(churn.steps for churn in churns) > 100
    while await store.group_tasks.work():
        pass
    # A limiter that is due opens with the next claim. Until then, a lane that gets a job is both open and
    # closed.
    await claim(store)
