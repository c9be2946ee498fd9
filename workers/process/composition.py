"""Creates the parts of a worker from its settings; worker.py runs them."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from service.domain.results import FinishResult
from service.settings import Settings
from service.store.leases import Finish, HeartbeatReply
from workers.engine.drain import Drain
from workers.engine.heartbeat import REST, Heartbeat, connect_thread
from workers.engine.pool import BLOCK_AT_MOST
from workers.engine.runs.caution import Caution
from workers.engine.runs.slots import Slots
from workers.engine.shares import Shares
from workers.engine.watchdog import Watchdog
from workers.handling.cancel_notice import Flag
from workers.handling.registry import Registry
from workers.namespaces.connections import Connections
from workers.namespaces.no_namespace import NO_NAMESPACE
from workers.namespaces.served_namespace import HeartbeatThread, Identity, ServedNamespace, SharedParts
from workers.namespaces.served_namespaces import ServedNamespaces
from workers.process.admin import Admin, AdminServer, start_admin
from workers.process.health import Health
from workers.process.loop_blocks import LoopBlocks
from workers.process.loop_monitor import TICK, LoopMonitor
from workers.process.stuck_slots import StuckSlots
from workers.telemetry.metrics import ProcessMetrics


class Composition:
    """The parts of a worker, in the order of their dependencies. Creating them starts nothing."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        identity: Identity,
        context: dict[Any, Any],
        on_reply: Callable[[ServedNamespace, Finish, FinishResult], None],
        on_heartbeat: Callable[[ServedNamespace, HeartbeatReply], None],
    ) -> None:
        """`context` has the entries that every `ctx` gets; `on_reply` gets Redis's reply to each finish."""
        self._settings = settings
        self._clock = clock = identity.clock
        several = settings.namespace_weights.several
        self.metrics = ProcessMetrics(by_namespace=several)
        self.metrics.capacity.set(settings.concurrency)
        self.connections = Connections(settings, registry, identity.new_id)
        self.slots = Slots(clock, settings.concurrency)
        context["settings"] = settings
        if several:
            context |= {"redis": NO_NAMESPACE, "limiters": NO_NAMESPACE}
        draining, concluded = Flag(), asyncio.Event()
        shared = SharedParts(
            registry=registry,
            identity=identity,
            connections=self.connections,
            metrics=self.metrics,
            shares=Shares(self.slots),
            caution=Caution(clock),
            auditing=asyncio.Lock(),
            context=context,
            draining=draining,
            concluded=concluded,
            on_reply=on_reply,
            on_heartbeat=on_heartbeat,
        )
        self.drain = Drain(
            settings.drain_seconds, lambda: [*self.served.current.values()], draining, concluded
        )

        def serve(name: str, weight: int) -> ServedNamespace:
            return ServedNamespace(settings.model_copy(update={"namespace": name}), weight, shared)

        self.served = ServedNamespaces(
            settings.namespace_weights, serve, self.connections.tenants.names, self.drain.started
        )
        self.health = Health(
            clock,
            self.slots,
            draining.is_set,
            lambda: self.served.last_claim_at(clock.monotonic()),
            3 * REST if several else BLOCK_AT_MOST,
        )
        self.metrics.unclaimed.set_function(self.health.unclaimed_seconds)
        #: Set when the worker ends.
        self.stopped = threading.Event()

    async def start_admin(self) -> AdminServer:
        """Listen for probes, metrics and drain requests."""
        admin = Admin(
            self.health.live,
            self.health.ready,
            lambda: self.drain.begin("admin port"),
            self.metrics.registry,
        )
        return await start_admin(admin, self._settings.worker_host, self._settings.worker_port)

    def start_heartbeat(self) -> HeartbeatThread:
        """Start the heartbeat thread. From now on the worker is ready while it claims."""
        self.health.watchdog = watchdog = Watchdog(self._clock)
        heartbeat = Heartbeat(watchdog, self._clock)
        heartbeat.start()
        return HeartbeatThread(heartbeat, watchdog, connect_thread(self._settings))

    def background(self) -> list[Coroutine[Any, Any, Any]]:
        """The coroutines to run next to the namespaces until the end; call `start_heartbeat` first."""
        assert self.health.watchdog is not None
        stuck_slots = StuckSlots(
            self.slots,
            self.metrics,
            self._settings.stuck_threads_seconds,
            # Only a new process gets free slots.
            lambda: self.drain.begin("every slot is held by a run that does not end"),
        )
        blocks = LoopBlocks(self._clock, TICK, self._handler_of)
        blocks.watch(self.stopped)
        on_tick = [self.health.watchdog.tick, stuck_slots.check, blocks.tick]
        return [LoopMonitor(self._clock, self.metrics, on_tick).work()]

    def _handler_of(self, job_id: str) -> str | None:
        """The handler that runs this job; another thread calls this."""
        found = (served.executor.runs.handler_of(job_id) for served in [*self.served.current.values()])
        return next(filter(None, found), None)
