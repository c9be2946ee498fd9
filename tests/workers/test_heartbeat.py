"""How often a worker sends a heartbeat."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.domain.errors import BackendUnavailable
from service.domain.worker import LOST_AFTER_MS
from service.reachability import Reachability
from tests.support.eventually import eventually
from tests.support.manual_clock import ManualClock
from tests.workers.reporting import lease
from workers.engine.heartbeat import Heartbeat, HeartbeatClient, NamespaceHeartbeat

pytestmark = pytest.mark.anyio

#: Nothing is due, and the worker may not rest.
REPLY = [1, 0, 0, 0, 0, *[-1] * 6, 0]


@pytest.mark.parametrize("lease_ms", [500, 15_000, 60_000, 3_600_000])
@pytest.mark.parametrize("busy", [False, True])
async def test_a_worker_with_long_leases_is_not_taken_for_lost(lease_ms: int, busy: bool) -> None:
    pauses: list[float] = []
    inbox: Any = SimpleNamespace()
    client = HeartbeatClient(
        record=cast(Any, SimpleNamespace(id="wk_1", lease_ms=lease_ms, pool="pool")),
        calls=cast(Any, SimpleNamespace(run=lambda *_: REPLY, server="", namespace="")),
        inbox=inbox,
        leases=cast(Any, None),
    )
    executor: Any = SimpleNamespace(
        runs=SimpleNamespace(leases=lambda: [lease()] if busy else []),
        slots=SimpleNamespace(used=0),
        draining=SimpleNamespace(is_set=lambda: False),
    )
    watchdog: Any = SimpleNamespace(check=lambda: None)
    heartbeat = Heartbeat(watchdog, cast(Any, ManualClock()))
    heartbeat.add(NamespaceHeartbeat(client, executor, Reachability(ManualClock()), lambda _: None))

    def wait(worker: str, seconds: float) -> bool:
        pauses.append(seconds)
        heartbeat.stop()
        return False

    inbox.wait_for_inbox = wait
    heartbeat.run()
    (pause,) = pauses
    assert pause <= min(LOST_AFTER_MS / 3000, lease_ms / 1000 * 2 / 3) + 1e-6


class Server:
    """Counts the heartbeats of each namespace; those to an unavailable server fail."""

    def __init__(
        self, namespace: str, server: str, away: set[str], sent: list[str], error: Exception | None = None
    ) -> None:
        self.namespace, self.server, self._error = namespace, server, error or BackendUnavailable()
        self._away, self._sent = away, sent

    def run(self, *_: Any) -> list[int]:
        self._sent.append(self.namespace)
        if self.server in self._away:
            raise self._error
        return REPLY


async def test_a_server_that_is_away_is_asked_once_for_all_its_namespaces() -> None:
    """Each question may take as long as the timeout, in which other namespaces must renew leases."""
    sent: list[str] = []
    away = {"first"}
    clock: Any = ManualClock()
    watchdog: Any = SimpleNamespace(check=lambda: None)
    heartbeat = Heartbeat(watchdog, clock)
    executor: Any = SimpleNamespace(
        runs=SimpleNamespace(leases=lambda: [lease()]),
        slots=SimpleNamespace(used=0),
        draining=SimpleNamespace(is_set=lambda: False),
    )
    record: Any = SimpleNamespace(id="wk_1", lease_ms=15_000, pool="@pool")
    missed: dict[str, Reachability] = {}
    for namespace, server in {"a": "first", "b": "first", "c": "second", "d": "first"}.items():
        calls: Any = Server(namespace, server, away, sent)
        missed[namespace] = Reachability(clock)
        client = HeartbeatClient(record, calls, cast(Any, None))
        heartbeat.add(NamespaceHeartbeat(client, executor, missed[namespace], lambda _: None))
    heartbeat._send_due()
    assert sent == ["a", "c"]
    clock.advance(1)
    assert {name: each.away_ms for name, each in missed.items()} == {"a": 1000, "b": 1000, "c": 0, "d": 1000}
    heartbeat._send_due()
    assert len(sent) == 3
    away.clear()
    clock.advance(1)
    heartbeat._send_due()
    assert sorted(sent[3:]) == ["a", "b", "d"]
    clock.advance(5)
    sent.clear()
    heartbeat._send_due()
    assert sorted(sent) == ["a", "b", "c", "d"]


async def test_a_failure_that_nobody_expected_stops_no_heartbeats() -> None:
    """Without them, the worker would claim jobs and lose each lease."""
    sent: list[str] = []
    clock: Any = ManualClock()
    checks: list[int] = []

    def check() -> None:
        checks.append(len(checks))
        if len(checks) == 1:
            raise RuntimeError("a bug")

    heartbeat = Heartbeat(cast(Any, SimpleNamespace(check=check)), clock)
    executor: Any = SimpleNamespace(
        runs=SimpleNamespace(leases=lambda: [lease()]),
        slots=SimpleNamespace(used=0),
        draining=SimpleNamespace(is_set=lambda: False),
    )
    record: Any = SimpleNamespace(id="wk_1", lease_ms=15_000, pool="@pool")
    for namespace in ("damaged", "sound"):
        calls: Any = Server(namespace, "", {""} if namespace == "damaged" else set(), sent, ValueError("x"))
        client = HeartbeatClient(record, calls, cast(Any, None))
        heartbeat.add(NamespaceHeartbeat(client, executor, Reachability(clock), lambda _: None))
    heartbeat.start()

    def both() -> None:
        assert sent == ["damaged", "sound"]

    await eventually(both)
    heartbeat.stop()
    heartbeat.join()
