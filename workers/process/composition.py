"""Creates the parts of a worker from its settings; worker.py runs them."""

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from service.clock import Clock
from service.domain.results import FinishResult
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Finish, HeartbeatReply
from service.telemetry.tracer import find_tracer
from workers.engine.claimer import Claimer
from workers.engine.completer import Completer
from workers.engine.drain import Drain
from workers.engine.executor import Contexts, Executor, Handlers, RunTelemetry
from workers.engine.heartbeat import Heartbeat, HeartbeatClient
from workers.engine.pool import Pool
from workers.engine.progress_reporter import ProgressReporter
from workers.engine.runs.active_runs import ActiveRuns, FinishPolicy, RunObservers
from workers.engine.runs.caution import Caution
from workers.engine.runs.runners import Runners
from workers.engine.runs.tracing import RunTracing
from workers.engine.watchdog import Watchdog
from workers.handling.cron import Cron
from workers.handling.dependencies import RelatedJobs
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.handling.shared_limits import SharedLimiters
from workers.maintenance.maintenance import Maintenance
from workers.maintenance.periodic import repeat
from workers.process.admin import Admin, AdminServer, start_admin
from workers.process.connections import Connections
from workers.process.health import Health
from workers.process.loop_monitor import LoopMonitor
from workers.process.registration import Registration
from workers.process.stuck_slots import StuckSlots
from workers.process.worker_record import describe_worker
from workers.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker's id, and the sources of its times and of new ids."""

    worker_id: str
    clock: Clock
    new_id: Callable[[str], str]


class Composition:
    """The parts of a worker, in the order of their dependencies. Creating them starts nothing."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        identity: Identity,
        shared: dict[Any, Any],
        on_reply: Callable[[Finish, FinishResult], None],
    ) -> None:
        """`shared` has the entries that every `ctx` gets; `on_reply` gets Redis's reply to each finish."""
        self._settings = settings
        self._registry = registry
        self._clock = identity.clock
        self._new_id = identity.new_id
        self._record = describe_worker(settings, registry, identity.worker_id, self._clock.now_ms())
        self.metrics = Metrics()
        self.metrics.capacity.set(settings.concurrency)
        self.connections = Connections(settings, registry, self._new_id)
        self._namespace = self.connections.namespace
        self._reachability = Reachability(self._clock)
        self.registration = Registration(
            self._record, registry.job_types(), self.connections, self._clock, self._reachability
        )
        shared["settings"] = settings
        shared["limiters"] = SharedLimiters(self._namespace.limiters, lambda: self._new_id("lim"))
        shared["redis"] = self.connections.for_handlers
        self.caution = Caution(self._clock)
        self.runners = Runners(settings, registry, self.caution)
        self.completer = Completer(self._namespace.leases, on_reply)
        self.executor = self._build_executor(shared)
        self.maintenance = Maintenance(
            self._namespace,
            settings,
            self._clock,
            self.metrics,
            self._new_id,
            self._reachability,
            identity.worker_id,
        )
        self.cron = Cron(registry, [*settings.queue_weights], self._namespace, self._clock, self._new_id)
        pool = Pool(
            self._namespace.leases, self.connections.wake_ups, self._record, lambda: self._new_id("cl")
        )
        self.claimer = Claimer(pool, self.executor, self._clock, self.maintenance.schedule_check)
        self.drain = Drain(
            settings.drain_seconds, self.claimer, self.executor, self.completer, self.registration.leave
        )
        self.health = Health(self._clock, self.executor, self.claimer)
        self.metrics.unclaimed.set_function(self.health.unclaimed_seconds)

    def _build_executor(self, shared: dict[Any, Any]) -> Executor:
        tracing = RunTracing(find_tracer())
        policy = FinishPolicy.of(self._settings, self._record.id, random.random)
        observers = RunObservers(self._registry.hooks, tracing)
        runs = ActiveRuns(self._clock, policy, self.completer, observers)
        specs = JobSpecs(self._registry, self._namespace, self._clock)
        contexts = Contexts(
            shared,
            ProgressReporter(self._namespace.leases),
            lambda lease: RelatedJobs(self._namespace, specs, self._new_id, lease),
        )
        handlers = Handlers(self._registry, self.runners, contexts)
        return Executor(self._settings, self._clock, handlers, runs, RunTelemetry(self.metrics, tracing))

    async def start_admin(self) -> AdminServer:
        """Listen for probes, metrics and drain requests."""
        admin = Admin(
            self.health.live,
            self.health.ready,
            lambda: self.drain.begin("admin port"),
            self.metrics.registry,
        )
        return await start_admin(admin, self._settings.worker_host, self._settings.worker_port)

    def start_heartbeat(self, on_heartbeat: Callable[[HeartbeatReply], None]) -> Heartbeat:
        """Start the heartbeat thread. From now on the worker is ready while it claims."""
        client = HeartbeatClient.connect(self._settings, self._record, self._namespace.leases)
        self.health.watchdog = watchdog = Watchdog(self._clock, self.executor.runs, client.finish)
        heartbeat = Heartbeat(client, self.executor, watchdog, self._reachability, on_heartbeat)
        heartbeat.start()
        return heartbeat

    def background(self) -> list[Coroutine[Any, Any, Any]]:
        """The coroutines to run next to the claim loop until the end; call `start_heartbeat` first."""
        assert self.health.watchdog is not None
        stuck_slots = StuckSlots(
            self.executor.slots,
            self.metrics,
            self._settings.stuck_threads_seconds,
            # Only a new process gets free slots.
            lambda: self.drain.begin("every slot is held by a run that does not end"),
        )
        on_tick = [self.health.watchdog.tick, stuck_slots.check]
        return [
            self.completer.work(),
            LoopMonitor(self._clock, self.metrics, on_tick).work(),
            *self.maintenance.duties(self.claimer.wake),
        ]

    def cron_duty(self) -> Coroutine[Any, Any, None]:
        return repeat("cron", self.cron.work)
