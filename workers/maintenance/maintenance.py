"""Runs a worker's maintenance duties and wakes them. To add one, write a module and list it here."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

from service.clock import Clock
from service.domain.errors import TriageError
from service.reachability import Reachability
from service.settings import Settings
from service.store.audit.cycle import Terms
from service.store.leases import HeartbeatReply
from service.store.namespace import Namespace
from workers.http.event_request import EventRequests
from workers.maintenance.audit.auditor import PAUSE, Auditor
from workers.maintenance.bulk_worker import BulkWorker
from workers.maintenance.expirer import Expirer
from workers.maintenance.group_worker import GroupWorker
from workers.maintenance.periodic import repeat
from workers.maintenance.pruner import Pruner
from workers.maintenance.registry_cleaner import RegistryCleaner
from workers.maintenance.rescuer import Rescuer
from workers.maintenance.scheduler import Scheduler
from workers.maintenance.stats_reporter import StatsReporter
from workers.maintenance.unroutable_reaper import UnroutableReaper
from workers.maintenance.webhooks.sender import WebhookSender
from workers.telemetry.metrics import Metrics

#: The interval between checks with several namespaces, in seconds: heartbeats report what is due in each.
REST = 1800.0
#: Within this time, in seconds, the minutes of many namespaces are stored, so that they do not call at once.
SPREAD = 15.0


class Maintenance:
    """Created before the first claim, whose reply may already schedule a check."""

    def __init__(
        self,
        namespace: Namespace,
        settings: Settings,
        clock: Clock,
        metrics: Metrics,
        new_id: Callable[[str], str],
        reachability: Reachability,
        worker_id: str,
        *,
        several: bool = False,
        auditing: asyncio.Lock | None = None,
    ) -> None:
        """`several`: the worker serves several namespaces, so its duties rest longer between checks.

        `auditing`: see Auditor.
        """
        rest: dict[str, Any] = {"pause": REST} if several else {}
        self._rescuer = Rescuer(namespace.leases, settings.lease_seconds, metrics, reachability, **rest)
        self._expirer = Expirer(namespace.leases, **rest)
        self._scheduler = Scheduler(
            namespace, new_id, round(settings.cancel_grace_seconds * 1000), clock, **rest
        )
        self._pruner = Pruner(namespace.leases, **rest)
        self._groups = GroupWorker(namespace.group_tasks, **rest)
        self._bulk = BulkWorker(namespace.bulk_batches, **rest)
        terms = Terms(settings.lease_ms, cancel_grace_ms=round(settings.cancel_grace_seconds * 1000))
        longest_wait = REST if several else PAUSE
        self._auditor = Auditor(
            namespace.audits,
            settings.audit_seconds,
            terms,
            new_id,
            metrics.audits,
            longest_wait=longest_wait,
            auditing=auditing,
        )
        self.stats = StatsReporter(metrics, namespace.stats_recorder, clock, worker_id)
        #: The duties by name: each checks once, and returns the seconds until its next check.
        self._duties: dict[str, Callable[[], Coroutine[Any, Any, float]]] = {
            "rescue": self._rescuer.work,
            "expire": self._expirer.expire,
            "schedule": self._scheduler.work,
            "prune": self._pruner.prune,
            "groups": self._groups.work,
            "bulk_actions": self._bulk.work,
            "audit": self._auditor.audit,
            "report_stats": self.stats.report,
            "store_stats": self._store_stats,
            "clean_registry": RegistryCleaner(namespace.workers, **rest).clean,
        }
        self._recorder, self._spread = namespace.stats_recorder, SPREAD * random.random() if several else 0.0
        requests = EventRequests(settings.http_allow, clock, settings.webhook_seconds, settings.namespace)
        self._webhooks = WebhookSender(
            worker_id, namespace.outbox, requests, clock, metrics.webhooks, random.random, **rest
        )
        if settings.webhooks:
            self._duties["deliver_webhooks"] = self._webhooks.work
        if settings.unroutable_seconds > 0:
            reaper = UnroutableReaper(namespace.leases, settings.unroutable_seconds)
            self._duties["bury_unroutable"] = reaper.bury

    async def _store_stats(self) -> float:
        return await self._recorder.work() + self._spread

    def schedule_check(self, seconds: float) -> None:
        """A job may expire, or a cancel must be forced, in `seconds`."""
        self._expirer.schedule_check(seconds)

    def on_heartbeat(self, reply: HeartbeatReply) -> None:
        """Wake the duties that have work in Redis."""
        if reply.next_loss_ms is not None:
            self._rescuer.schedule_check(reply.next_loss_ms / 1000)
        if reply.next_end_ms is not None:
            self._expirer.schedule_check(reply.next_end_ms / 1000 + 0.01)
        if reply.tasks:
            self._groups.wake()
            self._bulk.wake()
            self._auditor.wake()
        if reply.next_fire_ms is not None:
            self._scheduler.schedule_check(reply.next_fire_ms / 1000)
        if reply.next_prune_ms is not None:
            self._pruner.schedule_check(reply.next_prune_ms / 1000 + 0.01)
        if reply.next_delivery_ms is not None:
            self._webhooks.schedule_check(reply.next_delivery_ms / 1000)

    async def rescue_first(self) -> bool:
        """Rescue the jobs of lost workers before the first claim; returns whether one was lost recently."""
        with contextlib.suppress(TriageError):
            await self._rescuer.rescue()
        return self._rescuer.lost_lately

    def duties(self, wake_claimer: Callable[[], None]) -> list[Coroutine[Any, Any, None]]:
        """One endless coroutine per duty; `wake_claimer` makes the claimer claim at once."""
        self._rescuer.wake_claimer = wake_claimer
        return [repeat(name, check) for name, check in self._duties.items()]
