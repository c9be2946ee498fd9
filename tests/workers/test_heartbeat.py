"""How often a worker says that it is there."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.reachability import Reachability
from service.store.workers import LOST_AFTER_MS
from tests.support.manual_clock import ManualClock
from workers.engine.heartbeat import Heartbeat

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("lease_ms", [500, 15_000, 60_000, 3_600_000])
@pytest.mark.parametrize("busy", [False, True])
async def test_a_worker_with_long_leases_is_not_taken_for_lost(lease_ms: int, busy: bool) -> None:
    pauses: list[float] = []
    lease = SimpleNamespace(job=SimpleNamespace(id="job_1"), token="t")
    fakes: dict[str, Any] = {
        "beats": SimpleNamespace(run=lambda *_: [1, 0, 0, 0, -1, -1]),
        "inbox": SimpleNamespace(),
        "record": SimpleNamespace(id="wk_1"),
        "executor": SimpleNamespace(
            runs={}, slots=SimpleNamespace(used=0), draining=SimpleNamespace(is_set=lambda: False)
        ),
        "settler": SimpleNamespace(pending=[SimpleNamespace(lease=lease)] if busy else []),
        "leases": SimpleNamespace(),
    }
    clock = ManualClock()
    heartbeat = Heartbeat(
        lease_ms=lease_ms,
        clock=clock,
        reachability=Reachability(clock),
        heard=lambda _: None,
        **fakes,
    )

    def wait(worker: str, seconds: float) -> bool:
        pauses.append(seconds)
        heartbeat.stop()
        return False

    fakes["inbox"].wait_for_inbox = wait
    heartbeat.run()
    (pause,) = pauses
    assert pause <= min(LOST_AFTER_MS / 3000, lease_ms / 1000 * 2 / 3)
