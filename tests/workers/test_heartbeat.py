"""How often a worker sends a heartbeat."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from service.domain.worker import LOST_AFTER_MS
from service.reachability import Reachability
from tests.support.manual_clock import ManualClock
from tests.workers.reporting import lease
from workers.engine.heartbeat import Heartbeat, HeartbeatClient

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("lease_ms", [500, 15_000, 60_000, 3_600_000])
@pytest.mark.parametrize("busy", [False, True])
async def test_a_worker_with_long_leases_is_not_taken_for_lost(lease_ms: int, busy: bool) -> None:
    pauses: list[float] = []
    inbox: Any = SimpleNamespace()
    client = HeartbeatClient(
        record=cast(Any, SimpleNamespace(id="wk_1", lease_ms=lease_ms)),
        calls=cast(Any, SimpleNamespace(run=lambda *_: [1, 0, 0, 0, -1, -1, -1])),
        inbox=inbox,
        leases=cast(Any, None),
    )
    executor: Any = SimpleNamespace(
        runs=SimpleNamespace(leases=lambda: [lease()] if busy else []),
        slots=SimpleNamespace(used=0),
        draining=SimpleNamespace(is_set=lambda: False),
    )
    watchdog: Any = SimpleNamespace(check=lambda: None)
    heartbeat = Heartbeat(client, executor, watchdog, Reachability(ManualClock()), lambda _: None)

    def wait(worker: str, seconds: float) -> bool:
        pauses.append(seconds)
        heartbeat.stop()
        return False

    inbox.wait_for_inbox = wait
    heartbeat.run()
    (pause,) = pauses
    assert pause <= min(LOST_AFTER_MS / 3000, lease_ms / 1000 * 2 / 3)
