"""A counter that is wrong is found whatever happens between reading it and reading the jobs it counts."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.domain.job import Lease
from service.store.audit import recount
from service.store.namespace import Namespace
from tests.audit.auditing import audit, kinds
from tests.support import invariants
from tests.support.factories import OK, claim, finish, submit

pytestmark = pytest.mark.anyio


async def miscounted(store: Namespace) -> Lease:
    """A running job, whose limit key has one more according to its counter."""
    await submit(store, limit_key="a")
    (lease,) = (await claim(store)).leases
    redis: Any = store.scripts.redis
    await redis.hincrby(f"{store.scripts.prefix}busy", "key:default|a", 1)
    return lease


@pytest.mark.parametrize("reading", [1, 2])
async def test_a_wrong_counter_is_found_although_it_agrees_with_jobs_that_have_changed(
    store: Namespace, other: Namespace, monkeypatch: pytest.MonkeyPatch, reading: int
) -> None:
    """The job has been counted as running, and ends before its counter is read."""
    lease = await miscounted(store)
    readings = 0
    hscan: Any = other.scripts.redis.hscan

    async def hscan_late(key: str, *arguments: Any, **options: Any) -> Any:
        nonlocal readings
        if key.endswith("busy"):
            readings += 1
            if readings == reading:
                await finish(store, lease, OK)
        return await hscan(key, *arguments, **options)

    monkeypatch.setattr(other.scripts.redis, "hscan", hscan_late)
    report = await audit(other)
    assert readings >= reading
    assert kinds(report) == {"repaired": {"wrong_count"}}, report.findings
    await invariants.check(store)


async def test_a_count_is_not_used_if_changes_were_not_noted_all_the_time(
    store: Namespace, other: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis notes changes for WATCH_SECONDS: later, a count would correct a counter to what it was."""
    await miscounted(store)
    now = 1_000.0
    hscan: Any = other.scripts.redis.hscan

    async def hscan_slowly(key: str, *arguments: Any, **options: Any) -> Any:
        nonlocal now
        now += recount.WATCH_SECONDS + 1
        return await hscan(key, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(recount, "time", SimpleNamespace(monotonic=lambda: now))
        patch.setattr(other.scripts.redis, "hscan", hscan_slowly)
        report = await audit(other)
    assert (report.findings, report.counters) == ((), False)
    assert kinds(await audit(other)) == {"repaired": {"wrong_count"}}
    await invariants.check(store)
