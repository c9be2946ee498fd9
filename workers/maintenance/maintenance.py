"""All duties of a worker beside running jobs, and what wakes them."""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from service.clock import Clock
from service.domain.errors import TriageError
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Beat
from service.store.namespace import Namespace
from workers.maintenance.bulk_worker import BulkWorker
from workers.maintenance.expirer import Sweeper
from workers.maintenance.group_worker import Keeper
from workers.maintenance.periodic import repeat
from workers.maintenance.pruner import Pruner
from workers.maintenance.registry_cleaner import Janitor
from workers.maintenance.rescuer import Rescuer
from workers.maintenance.scheduler import Scheduler
from workers.maintenance.unroutable_reaper import Undertaker
from workers.telemetry.metrics import Metrics


class Upkeep:
    """Built before the first claim, which may already say when something is due."""

    def __init__(
        self,
        stores: Namespace,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        new_id: Callable[[str], str],
        reachability: Reachability,
    ) -> None:
        self._stores = stores
        self._rescuer = Rescuer(stores.leases, settings.lease_seconds, metrics, reachability)
        self._unroutable_seconds = settings.unroutable_seconds
        self._sweeper = Sweeper(stores.leases)
        self._pruner = Pruner(stores.leases)
        self._keeper = Keeper(stores.group_tasks)
        self._bulk = BulkWorker(stores.bulk_batches)
        self._scheduler = Scheduler(stores, new_id, round(settings.cancel_grace_seconds * 1000), clock)

    def expect(self, seconds: float) -> None:
        """A job may expire, or a cancel must be forced, in so many seconds."""
        self._sweeper.expect(seconds)

    def heard(self, beat: Beat) -> None:
        """What a heartbeat said of work for these duties."""
        if beat.tasks:
            self._keeper.notice()
            self._bulk.notice()
        if beat.next_slot_ms is not None:
            self._scheduler.expect(beat.next_slot_ms / 1000)
        if beat.next_prune_ms is not None:
            self._pruner.expect(beat.next_prune_ms / 1000 + 0.01)

    async def look_back(self) -> bool:
        """Take back what other workers left, before the first claim; whether one was lost lately."""
        with contextlib.suppress(TriageError):
            await self._rescuer.rescue()
        return self._rescuer.lost_lately

    def duties(self, nudge: Callable[[], None]) -> list[Coroutine[Any, Any, None]]:
        """One endless coroutine per duty; `nudge` makes the claimer look for work at once."""
        leases = self._stores.leases
        self._rescuer.nudge = nudge
        duties: list[Coroutine[Any, Any, None]] = [
            repeat("rescue", self._rescuer.rescue),
            repeat("sweep", self._sweeper.sweep),
            repeat("schedule", self._scheduler.work),
            repeat("prune", self._pruner.prune),
            repeat("keep", self._keeper.keep),
            repeat("act", self._bulk.work),
            repeat("tidy", Janitor(self._stores.workers).tidy),
        ]
        if self._unroutable_seconds > 0:
            duties.append(repeat("bury", Undertaker(leases, self._unroutable_seconds).bury))
        return duties
