"""The duty that buries jobs that no worker can run, and when a worker has it."""

from typing import Any

import pytest

from service.reachability import Reachability
from service.settings import Settings
from service.store.namespace import Namespace
from tests.support.factories import register_worker, submit
from tests.support.manual_clock import ManualClock
from workers.maintenance import unroutable_reaper
from workers.maintenance.maintenance import Maintenance
from workers.maintenance.unroutable_reaper import NEXT_BATCH, PAUSE, UnroutableReaper
from workers.telemetry.metrics import Metrics

pytestmark = pytest.mark.anyio

START = 1_900_000_000_000


async def test_batches_follow_at_once_and_checks_after_a_pause(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unroutable_reaper, "AT_MOST", 1)
    store.scripts.now = str(START)
    await register_worker(store, job_types=("other",))
    await submit(store)
    duty = UnroutableReaper(store.leases, 60)
    pauses: list[float] = []
    for ms in (0, 60_000, 60_020):
        store.scripts.now = str(START + ms)
        pauses.append(await duty.bury())
    assert pauses == [PAUSE, NEXT_BATCH, PAUSE]


async def test_only_a_worker_with_the_setting_has_the_duty(store: Namespace) -> None:
    def duties(**given: Any) -> int:
        settings = Settings(auth="off", **given)
        clock = ManualClock()
        maintenance = Maintenance(
            store, settings, clock, Metrics(), lambda kind: kind, Reachability(clock), "wk_1"
        )
        duties = maintenance.duties(lambda: None)
        for duty in duties:
            duty.close()
        return len(duties)

    assert duties(unroutable_seconds=600) == duties(unroutable_seconds=0) + 1 == duties() + 1
