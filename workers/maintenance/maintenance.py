"""A worker's duties besides running jobs, and what wakes them. To add one, write a module and list it."""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

from service.clock import Clock
from service.domain.errors import TriageError
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import HeartbeatReply
from service.store.namespace import Namespace
from workers.maintenance.bulk_worker import BulkWorker
from workers.maintenance.expirer import Expirer
from workers.maintenance.group_worker import GroupWorker
from workers.maintenance.periodic import repeat
from workers.maintenance.pruner import Pruner
from workers.maintenance.registry_cleaner import RegistryCleaner
from workers.maintenance.rescuer import Rescuer
from workers.maintenance.scheduler import Scheduler
from workers.maintenance.unroutable_reaper import UnroutableReaper
from workers.telemetry.metrics import Metrics


class Maintenance:
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
        self._rescuer = Rescuer(stores.leases, settings.lease_seconds, metrics, reachability)
        self._expirer = Expirer(stores.leases)
        self._scheduler = Scheduler(stores, new_id, round(settings.cancel_grace_seconds * 1000), clock)
        self._pruner = Pruner(stores.leases)
        self._groups = GroupWorker(stores.group_tasks)
        self._bulk = BulkWorker(stores.bulk_batches)
        #: One check of each duty by its name; it returns the seconds until the next one.
        self._duties: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            "rescue": self._rescuer.rescue,
            "expire": self._expirer.expire,
            "schedule": self._scheduler.work,
            "prune": self._pruner.prune,
            "groups": self._groups.work,
            "bulk_actions": self._bulk.work,
            "clean_registry": RegistryCleaner(stores.workers).clean,
        }
        if settings.unroutable_seconds > 0:
            reaper = UnroutableReaper(stores.leases, settings.unroutable_seconds)
            self._duties["bury_unroutable"] = reaper.bury

    def schedule_check(self, seconds: float) -> None:
        """A job may expire, or a cancel must be forced, in so many seconds."""
        self._expirer.schedule_check(seconds)

    def on_heartbeat(self, beat: HeartbeatReply) -> None:
        """Wake the duties for which Redis has work."""
        if beat.tasks:
            self._groups.wake()
            self._bulk.wake()
        if beat.next_fire_ms is not None:
            self._scheduler.schedule_check(beat.next_fire_ms / 1000)
        if beat.next_prune_ms is not None:
            self._pruner.schedule_check(beat.next_prune_ms / 1000 + 0.01)

    async def rescue_first(self) -> bool:
        """Take back what other workers left, before the first claim; whether one was lost lately."""
        with contextlib.suppress(TriageError):
            await self._rescuer.rescue()
        return self._rescuer.lost_lately

    def duties(self, wake_claimer: Callable[[], None]) -> list[Coroutine[Any, Any, None]]:
        """One endless coroutine per duty; `wake_claimer` makes the claimer look for work at once."""
        self._rescuer.wake_claimer = wake_claimer
        return [repeat(name, check) for name, check in self._duties.items()]
