"""One of the namespaces that a worker serves: everything of it that is not shared with the others."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.results import FinishResult
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Finish, HeartbeatReply
from service.store.redis.connect import BlockingClient
from service.tasks import end, within
from service.telemetry.tracer import find_tracer
from workers.engine.announced_wake_ups import AnnouncedWakeUps
from workers.engine.claimer import Claimer
from workers.engine.completer import Completer
from workers.engine.executor import Contexts, Executor, Handlers, RunTelemetry
from workers.engine.heartbeat import Heartbeat, HeartbeatClient, NamespaceHeartbeat
from workers.engine.pool import Pool
from workers.engine.progress_reporter import ProgressReporter
from workers.engine.runs.active_runs import ActiveRuns, FinishPolicy, RunObservers
from workers.engine.runs.caution import Caution
from workers.engine.runs.runners import Runners
from workers.engine.runs.tracing import RunTracing
from workers.engine.shares import Shares
from workers.engine.watchdog import Watchdog
from workers.handling.cancel_notice import Flag
from workers.handling.cron import Cron
from workers.handling.dependencies import RelatedJobs
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.handling.shared_limits import SharedLimiters
from workers.maintenance.maintenance import Maintenance
from workers.maintenance.periodic import repeat
from workers.namespaces.connections import Connections
from workers.namespaces.registration import Registration
from workers.namespaces.subscription import Subscription
from workers.namespaces.worker_record import describe_worker
from workers.telemetry.metrics import Metrics, ProcessMetrics

#: The timeout of the last report to the history, and of the last call, in seconds.
LAST_REPORT_SECONDS = 1.0
#: How long the last finishes may take before a warning, in seconds.
FLUSH_SECONDS = 60.0

log = structlog.get_logger("triage.worker")


@dataclass(frozen=True, slots=True)
class Identity:
    """A worker's id, and the sources of its times and of new ids."""

    worker_id: str
    clock: Clock
    new_id: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What the namespaces of a worker share."""

    registry: Registry
    identity: Identity
    connections: Connections
    metrics: ProcessMetrics
    shares: Shares
    caution: Caution
    #: Held while one of them is audited.
    auditing: asyncio.Lock
    #: Entries of every `ctx`.
    context: dict[Any, Any]
    draining: Flag
    #: Set whenever a run of any namespace is concluded.
    concluded: asyncio.Event
    on_reply: Callable[["ServedNamespace", Finish, FinishResult], None]
    on_heartbeat: Callable[["ServedNamespace", HeartbeatReply], None]


@dataclass(frozen=True, slots=True)
class HeartbeatThread:
    """The thread that renews the leases of all namespaces."""

    thread: Heartbeat
    watchdog: Watchdog
    connection: BlockingClient


class ServedNamespace:
    """The parts of one namespace. Creating them starts nothing."""

    def __init__(self, settings: Settings, weight: int, shared: SharedParts) -> None:
        """`settings`: with this namespace."""
        self.name = settings.namespace
        self._settings = settings
        self._shared = shared
        self._several = settings.namespace_weights.several
        clock, new_id = shared.identity.clock, shared.identity.new_id
        connections, registry = shared.connections, shared.registry
        self.record = describe_worker(settings, registry, shared.identity.worker_id, clock.now_ms())
        self.namespace = connections.namespace(self.name)
        self.metrics = Metrics(shared.metrics, self.name)
        self._reachability = Reachability(clock)
        self.registration = Registration(
            self.record,
            registry.job_types(),
            self.namespace,
            connections.find_problem,
            clock,
            self._reachability,
        )
        self.client = connections.for_handlers(self.namespace)
        self.share = shared.shares.join(weight)
        self.runners = Runners(settings, registry, shared.caution)
        self.completer = Completer(self.namespace.leases, partial(shared.on_reply, self))
        self.executor = self._build_executor()
        self.maintenance = Maintenance(
            self.namespace,
            settings,
            clock,
            self.metrics,
            new_id,
            self._reachability,
            shared.identity.worker_id,
            several=self._several,
            auditing=shared.auditing,
        )
        self._cron = Cron(registry, [*settings.queue_weights], self.namespace, clock, new_id)
        leases = self.namespace.leases
        blocking = leases if self._several else connections.wake_ups(self.name)
        pool = Pool(leases, blocking, self.record, lambda: new_id("cl"))
        wake_ups = AnnouncedWakeUps(pool) if self._several else None
        self.claimer = Claimer(pool, self.executor, clock, self.maintenance.schedule_check, wake_ups)
        self.claims: asyncio.Task[None] | None = None
        self._subscription: Subscription | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._heartbeat: tuple[HeartbeatThread, NamespaceHeartbeat] | None = None
        self._withdrawn = False

    def _build_executor(self) -> Executor:
        settings, shared, leases = self._settings, self._shared, self.namespace.leases
        new_id = shared.identity.new_id
        tracing = RunTracing(find_tracer(), self.name if self._several else "")
        policy = FinishPolicy.of(settings, self.record.id, random.random)
        observers = RunObservers(shared.registry.hooks, tracing)
        runs = ActiveRuns(shared.identity.clock, policy, self.completer, observers, shared.concluded)
        specs = JobSpecs(shared.registry, self.namespace, shared.identity.clock)
        own = {
            "settings": settings,
            "limiters": SharedLimiters(self.namespace.limiters, lambda: new_id("lim")),
            "redis": self.client,
        }
        if not self._several:
            # Hooks of the worker also use them.
            shared.context.update(own)
        contexts = Contexts(
            shared.context,
            ProgressReporter(leases),
            lambda lease: RelatedJobs(self.namespace, specs, new_id, lease),
            shared.draining,
            own if self._several else {},
        )
        handlers = Handlers(shared.registry, self.runners, contexts)
        telemetry = RunTelemetry(self.metrics, tracing)
        return Executor(settings, shared.identity.clock, handlers, runs, telemetry, self.share)

    async def start(
        self, thread: HeartbeatThread, *, burst: bool, importable: bool, spread: float = 0.0
    ) -> None:
        """Start to work; the worker has registered. `importable`: subprocesses can import the handlers.

        `spread`: seconds within which the duties begin at random, so that many namespaces do not call Redis
        at once.
        """
        client = HeartbeatClient.connect(
            self._settings, thread.connection, self.record, self.namespace.leases
        )
        on_reply = partial(self._shared.on_heartbeat, self)
        heartbeat = NamespaceHeartbeat(client, self.executor, self._reachability, on_reply)
        if self._several:
            wake_ups, inbox, activity = self.namespace.leases.channels(self.record.id, self.record.pool)
            self.claimer.on_leases = end_rest = partial(thread.thread.end_rest, heartbeat)
            calls = {
                wake_ups: self.claimer.on_announcement,
                inbox: partial(thread.thread.wake, heartbeat),
                activity: end_rest,
            }
            subscriber = self._shared.connections.subscriber(self.namespace)
            self._subscription = Subscription(subscriber, calls)
            self._subscription.start()
        self._heartbeat = thread, heartbeat
        thread.watchdog.watch(self.executor.runs, client.finish)
        thread.thread.add(heartbeat)
        if await self.maintenance.rescue_first() and importable:
            self._shared.caution.begin()
        self._spawn(self.completer.work())
        for duty in self.maintenance.duties(self.claimer.wake):
            self._spawn(_later(spread * random.random(), duty))
        await self._cron.start()
        self._spawn(repeat("cron", self._cron.work))
        self.claims = asyncio.create_task(self.claimer.work(burst))

    def on_heartbeat(self, reply: HeartbeatReply) -> None:
        self.executor.on_heartbeat(reply)
        self.maintenance.on_heartbeat(reply)
        self.claimer.on_heartbeat(reply.wake_up)
        if not reply.known and not self._withdrawn and not self._shared.draining.is_set():
            self._spawn(self.registration.renew())

    async def leave(self) -> None:
        """Deregister the worker at the end of its drain."""
        await self.registration.leave()

    async def withdraw(self) -> None:
        """Stop serving the namespace while the worker continues: finish what runs, and deregister."""
        self.claimer.stop()
        if self.claims is not None:
            await asyncio.wait({self.claims})
        runs = self.executor.runs.by_job
        while tasks := [run.task for run in runs.values() if run.task is not None]:
            await asyncio.wait(tasks)
        while not await self.completer.flush(FLUSH_SECONDS):
            log.warning("finishes_wait_for_redis")
        self._withdrawn = True
        await self.stop()
        try:
            await within(LAST_REPORT_SECONDS, self.registration.deregister())
        except (TriageError, TimeoutError):
            log.warning("not_deregistered")
        self._shared.shares.leave(self.share)
        self.runners.close()
        await self._shared.connections.forget(self.client)
        self.metrics.forget()

    async def stop(self) -> None:
        """End everything after the drain."""
        if self._heartbeat is not None:
            thread, heartbeat = self._heartbeat
            thread.thread.remove(heartbeat)
            thread.watchdog.forget(self.executor.runs)
        if self._subscription is not None:
            await self._subscription.stop()
        await end(self._background)
        with contextlib.suppress(TriageError, TimeoutError):
            await within(LAST_REPORT_SECONDS, self.maintenance.stats.report())

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _later(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    try:
        await asyncio.sleep(seconds)
        await work
    finally:
        work.close()
