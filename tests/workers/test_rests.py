"""Workers of several namespaces cost little where nothing happens, and hear when something does."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from service.domain.states import State
from service.reachability import Reachability
from service.store.leases import Leases
from service.store.namespace import Namespace
from service.store.redis import keys
from tests.support.eventually import eventually
from tests.support.factories import claim, submit
from tests.support.manual_clock import ManualClock
from tests.support.sent_commands import sent_commands
from tests.workers.reporting import lease
from tests.workers.several import Space, name, names, reached, registered
from tests.workers.tenants import Serving, gate, serving
from workers.engine.heartbeat import (
    JITTER,
    MAX_INTERVAL,
    REST,
    Heartbeat,
    HeartbeatClient,
    NamespaceHeartbeat,
)
from workers.maintenance.rescuer import Rescuer
from workers.telemetry.metrics import Metrics

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("collect_as_always")]


class Resting:
    """The heartbeats of one namespace in which nothing happens, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.busy = False
        self.sent = 0
        self.meanwhile = lambda: None
        executor: Any = SimpleNamespace(
            runs=SimpleNamespace(leases=lambda: [lease()] if self.busy else []),
            slots=SimpleNamespace(used=0),
            draining=SimpleNamespace(is_set=lambda: False),
        )
        record: Any = SimpleNamespace(id="wk_1", lease_ms=15_000, pool="@pool")
        calls: Any = SimpleNamespace(run=self._reply, server="", namespace="")
        nothing: Any = SimpleNamespace(check=lambda: None)
        client = HeartbeatClient(record, calls, nothing)
        self.thread = Heartbeat(nothing, self.clock)
        self.one = NamespaceHeartbeat(client, executor, Reachability(self.clock), lambda _: None)
        self.thread.add(self.one)

    def _reply(self, *_: Any) -> list[int]:
        self.sent += 1
        self.meanwhile()
        return [1, 0, 0, 0, 0, *[-1] * 6, 1]

    def seconds(self, count: int) -> int:
        """Heartbeats in so many seconds."""
        before = self.sent
        for _ in range(count):
            self.thread._send_due()
            self.clock.advance(1)
        return self.sent - before


async def test_heartbeats_rest_where_nothing_happens() -> None:
    resting = Resting()
    assert 600 / REST <= resting.seconds(600) <= 600 / REST / (1 - JITTER) + 1


async def test_activity_ends_a_rest_until_a_heartbeat_finds_none() -> None:
    resting = Resting()
    resting.seconds(1)
    resting.thread.end_rest(resting.one)
    assert resting.seconds(int(MAX_INTERVAL)) == 0
    assert resting.seconds(1) == 1
    assert resting.seconds(int(REST * (1 - JITTER)) - 1) == 0


async def test_a_run_of_this_worker_renews_its_lease_in_time() -> None:
    resting = Resting()
    resting.seconds(1)
    resting.busy = True
    resting.thread.end_rest(resting.one)
    assert resting.seconds(16) == 3


async def test_activity_during_a_heartbeat_is_not_missed() -> None:
    resting = Resting()
    resting.meanwhile = lambda: resting.thread.end_rest(resting.one)
    resting.seconds(1)
    assert not resting.one.resting
    assert resting.seconds(int(MAX_INTERVAL)) == 1


async def all_rest(worker: Serving, count: int) -> None:
    def there() -> None:
        beats = worker.worker._heartbeat._namespaces  # type: ignore[union-attr]
        assert [each.resting for each in beats] == [True] * count

    await eventually(there, 20)


async def observed(worker: Serving, store: Namespace, seconds: float) -> list[str]:
    """What clients send in this time."""
    async with sent_commands(store.scripts.redis) as sent:
        ended, _ = await asyncio.wait({worker.work}, timeout=seconds)
    assert not ended
    return [command for command in sent if "next_stats_minute" not in command]


async def test_an_idle_worker_of_many_namespaces_sends_few_commands(redis_url: str, space: Space) -> None:
    stores = [space(f"n{number}") for number in range(20)]
    async with serving(redis_url, names(*stores), lease_seconds=1) as worker:
        await registered(*stores)
        await all_rest(worker, len(stores))
        # Each duty checks once at the beginning.
        while len(await observed(worker, stores[0], 0.2)) > 2:
            pass
        seconds = 1
        sent = await observed(worker, stores[0], seconds)
        assert len(sent) / seconds / len(stores) < 0.1, "\n".join(sent)


async def test_a_lost_worker_is_noticed_in_time_by_one_that_rested(redis_url: str, space: Space) -> None:
    """No API process helps; the worker that rests would look again after 20 seconds."""
    a, b = space("a"), space("b")
    lease_seconds = 1.5
    async with serving(redis_url, names(a, b), lease_seconds=lease_seconds) as worker:
        await registered(a, b)
        await all_rest(worker, 2)
        (record,) = await b.workers.alive()
        # A job that this worker does not know, so that it hears of no wake-up.
        id = await submit(b, name="elsewhere", delay_ms=1)
        await eventually_claimed(b, record.pool, lease_seconds)
        began = time.monotonic()
        await reached(b, id, State.QUEUED)
        assert time.monotonic() - began < lease_seconds + 1
        await b.jobs.cancel([id], 0)


async def eventually_claimed(store: Any, pool: str, lease_seconds: float) -> None:
    async def there() -> None:
        lease_ms = round(lease_seconds * 1000)
        found = await claim(store, lease_ms=lease_ms, pool=pool, types={"elsewhere": None})
        assert found.leases

    await eventually(there)


async def test_a_worker_renews_its_leases_even_if_it_misses_messages(
    redis_url: str, space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = space("a"), space("b")
    channels = Leases.channels
    monkeypatch.setattr(Leases, "channels", lambda *given: (*channels(*given)[:2], "no-messages"))
    async with serving(redis_url, names(a, b), lease_seconds=1.5) as worker:
        await registered(a, b)
        await all_rest(worker, 2)
        id = await submit(b, name="hold")

        async def expiry() -> float:
            score = await b.scripts.redis.zscore(keys.leases(b.scripts.prefix), id)
            assert score is not None
            return float(score)

        first = await eventually(expiry)

        async def renewed() -> None:
            assert await expiry() > first

        await eventually(renewed, 5)
        gate(name(b)).release()
        await reached(b, id)


async def test_a_rescuer_checks_several_times_in_the_last_lease(store: Namespace) -> None:
    """Otherwise Redis would take the silence before the expiry for an outage, and protect the lease."""
    rescuer = Rescuer(store.leases, 0.3, Metrics(), Reachability(ManualClock()), pause=60)
    work = asyncio.create_task(rescuer.work())
    rescuer.schedule_check(30)
    await asyncio.wait_for(work, 5)
