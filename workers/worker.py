"""The worker process: arq's Worker as the shell, everything that touches durability replaced."""

import asyncio
import contextlib
import inspect
import os
import random
from collections.abc import Sequence
from dataclasses import replace
from signal import Signals
from typing import Any

import arq.worker
import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.ids import IdFactory
from service.gc_tuning import collect_rarely
from service.reachability import Reachability
from service.settings import Settings, load_settings
from service.store.leases import Beat, Finish
from service.store.namespace import Namespace
from service.store.redis.connect import connect
from service.store.redis.server_check import find_problem
from service.tasks import end
from service.telemetry.tracer import find_tracer
from workers.arq.settings import worker_settings
from workers.arq.shell import count_end, prepare_loop, warn_of_ignored
from workers.engine.claimer import Claimer
from workers.engine.completer import Settler
from workers.engine.drain import Drain
from workers.engine.executor import Executor
from workers.engine.heartbeat import Heartbeat, start_heartbeat
from workers.engine.progress_reporter import StoreReporter
from workers.engine.runs.caution import Caution
from workers.engine.runs.runners import Runners
from workers.engine.runs.tracing import RunTracing
from workers.engine.wake_ups import BLOCK_AT_MOST
from workers.handling.arq_client import TriageRedis
from workers.handling.cron import Cron
from workers.handling.dependencies import Relatives
from workers.handling.job_specs import JobSpecs
from workers.handling.registry import Registry
from workers.handling.shared_limits import Throttle
from workers.maintenance.maintenance import Upkeep
from workers.maintenance.periodic import repeat
from workers.process.admin import Admin, AdminServer, start_admin
from workers.process.health import Health
from workers.process.loop_monitor import Ticker
from workers.process.worker_record import describe_worker
from workers.telemetry.metrics import Metrics

log = structlog.get_logger("triage.worker")


class TriageWorker(arq.worker.Worker):
    """Runs jobs of one namespace until it is drained; a Redis outage never ends it.

    From arq come the process (`arq` CLI, `run`, signals), the programming model (functions with
    `ctx`, hooks, cron, Retry) and nothing that decides about a job.
    """

    #: arq passes the options on that it finds here.
    __signature__ = inspect.signature(arq.worker.Worker)

    def __init__(
        self,
        functions: Sequence[Any] = (),
        *,
        burst: bool = False,
        handle_signals: bool = True,
        ctx: dict[Any, Any] | None = None,
        settings: Settings | None = None,
        registry: Registry | None = None,
        **options: Any,
    ) -> None:
        """`functions`, `ctx` and `options` are those of arq's worker, as in a WorkerSettings."""
        prepare_loop()
        settings = settings or load_settings()
        given, limit = {"ctx": ctx, **options}, settings.max_payload_bytes
        self.registry = registry or Registry.load(settings.handler_paths, functions, given, limit)
        self.settings = worker_settings(settings, self.registry.settings)
        super().__init__(
            functions=self.registry.arq_functions(),
            burst=burst or any(item.burst for item in self.registry.settings),
            handle_signals=handle_signals,
            max_jobs=self.settings.concurrency,
            ctx={**self.registry.shared_context, **(ctx or {})},
        )
        self._handed_over = bool(functions)
        self.clock = Clock()
        self.ids = IdFactory(self.clock.now_ms, os.urandom)
        self.id = self.ids.new("wk")
        self.metrics = Metrics()
        self.metrics.capacity.set(self.settings.concurrency)
        self.lease_ms = round(self.settings.lease_seconds * 1000)
        self._drain: Drain | None = None
        self._signalled = False
        self._claimer: Claimer | None = None
        self._heartbeat: Heartbeat | None = None
        self._background: set[asyncio.Task[Any]] = set()

    async def main(self) -> None:
        """From start to the end of the drain."""
        settings = self.settings
        redis = connect(settings.redis_url)
        self.stores = Namespace(
            redis, settings.namespace, settings.dead_retention_ms, max_queues=settings.max_queues
        )
        self.record = describe_worker(settings, self.registry, self.id, self.clock.now_ms())
        self.settler = Settler(self.stores.leases, self._settled)
        self.reachability = Reachability(self.clock)
        self.caution = Caution(self.clock)
        self.runners = Runners(settings, self.registry, self.caution)
        self.ctx["settings"] = settings
        self.ctx["limiters"] = Throttle(self.stores.limiters, lambda: self.ids.new("lim"))
        self.ctx["redis"] = self._pool = TriageRedis(
            settings.redis_url, self.stores, self.registry, self.ids.new
        )
        self.cron = Cron(self.registry, [*settings.queue_weights], self.stores, self.clock, self.ids.new)
        specs = JobSpecs(self.registry, self.stores, self.clock)
        self.executor = Executor(
            settings=settings,
            clock=self.clock,
            random=random.random,
            registry=self.registry,
            runners=self.runners,
            settler=self.settler,
            reporter=StoreReporter(self.stores.leases),
            relatives=lambda lease: Relatives(self.stores, specs, self.ids.new, lease),
            hooks=self.registry.hooks,
            metrics=self.metrics,
            tracing=RunTracing(find_tracer()),
            worker_id=self.id,
            shared=self.ctx,
        )
        self.upkeep = Upkeep(self.stores, settings, self.clock, self.metrics, self.ids.new, self.reachability)
        wakes = connect(settings.redis_url, socket_timeout=BLOCK_AT_MOST + 2, max_connections=1)
        self._claimer = Claimer(
            leases=self.stores.leases,
            wakes=Namespace(
                wakes, settings.namespace, settings.dead_retention_ms, max_queues=settings.max_queues
            ).leases,
            executor=self.executor,
            record=self.record,
            lease_ms=self.lease_ms,
            clock=self.clock,
            new_request_id=lambda: self.ids.new("cl"),
            expect=self.upkeep.expect,
        )
        drain = Drain(settings.drain_seconds, self._claimer, self.executor, self.settler, self._hand_over)
        self._drain = drain
        self.health = Health(self.clock, self.executor, self._claimer)
        self.metrics.unclaimed.set_function(self.health.unclaimed_seconds)
        admin = Admin(
            self.health.live, self.health.ready, lambda: drain.begin("admin port"), self.metrics.registry
        )
        server = await start_admin(admin, settings.worker_host, settings.worker_port)
        self.port = server.port
        try:
            await self._wait_for_redis(drain)
            if not drain.begun.is_set():
                await self.registry.hooks.starts(self.ctx)
                collect_rarely()
                await self._work(drain)
        finally:
            await self._stop(server, redis, wakes)

    async def _work(self, drain: Drain) -> None:
        claimer = self._claimer
        assert claimer is not None
        leases, heard = self.stores.leases, self._heard
        self._heartbeat = self.health.heartbeat = start_heartbeat(
            self.settings, self.record, self.executor, self.settler, leases, self.reachability, heard
        )
        # A process imports the handlers by their paths; functions that were only handed over it cannot have.
        if await self.upkeep.look_back() and not self._handed_over:
            self.caution.begin()
        ticker = Ticker(
            self.clock,
            self.settings.stuck_threads_seconds,
            self.executor.slots,
            self.metrics,
            self._ticked,
            # A new process is the only cure.
            lambda: drain.begin("every slot is held by a run that does not end"),
        )
        for work in (self.settler.work(), ticker.work(), *self.upkeep.duties(claimer.nudge)):
            self._spawn(work)
        await self.cron.start()
        self._spawn(repeat("cron", self.cron.work))
        warn_of_ignored(self.settings, self.registry.settings)
        log.info("worker_started", worker_id=self.id, port=self.port, types=len(self.registry.by_name))
        claims = asyncio.create_task(claimer.work(self.burst))
        begun = asyncio.create_task(drain.begun.wait())
        await asyncio.wait({claims, begun}, return_when=asyncio.FIRST_COMPLETED)
        if claims.done() and claims.exception() is not None:
            log.critical("claim_loop_failed", exc_info=claims.exception())
        if not drain.begun.is_set():
            drain.begin("nothing is left to do")
        await end([begun])
        await drain.work(claims)

    async def _stop(self, server: AdminServer, redis: Any, wakes: Any) -> None:
        if self._heartbeat is not None:
            self._heartbeat.stop()
        await end(self._background)
        await self.stores.change_feed.close()
        await self.registry.hooks.ends(self.ctx, 5.0)
        self.runners.close()
        server.should_exit = True
        await server.serving
        for client in (redis, wakes, self.ctx["redis"]):
            try:
                await client.aclose(close_connection_pool=True)
            except Exception as error:
                log.info("connection_not_closed", error=type(error).__name__)
        log.info("worker_stopped", worker_id=self.id)

    async def close(self) -> None:
        """main() has closed everything; arq's own close would wait for its own tasks and keys."""

    def handle_sig(self, signum: Signals) -> None:
        """The first signal drains, the second hands everything back at once."""
        again, self._signalled = self._signalled, True
        if self._drain is not None:
            self._drain.begin(Signals(signum).name, hurry=again)

    def run(self) -> None:
        """Run to the end of the drain; a thread that no cancellation reaches does not keep the process."""
        super().run()
        if self.executor.slots.used:
            log.warning("runs_left_behind", runs=self.executor.slots.used)
            os._exit(0)

    def _heard(self, beat: Beat) -> None:
        for id, token in beat.lost:
            if (run := self.executor.run_of(id, token)) is not None:
                self.executor.stopper.lose(run)
        for request in beat.cancel:
            if (run := self.executor.run_of(request.job_id, request.token)) is not None:
                grace = request.grace_ms / 1000
                self.executor.stopper.stop(run, "cancel", grace, request.message)
        self.upkeep.heard(beat)
        if beat.drain and self._drain is not None and not self._drain.begun.is_set():
            self._drain.begin("requested")
        if not beat.known and not self.executor.draining.is_set():
            self._spawn(self._register())

    def _settled(self, finish: Finish, word: str) -> None:
        self.registry.hooks.settled(finish.lease)
        if self.burst and self._claimer is not None:
            self._claimer.nudge()  # This may have been the last job of all.
        if word in ("stale", "missing"):
            self.metrics.stale.inc()
            log.warning("finish_refused", job_id=finish.lease.job.id, word=word)
            return
        self.metrics.settled(finish, cancelled=word == "cancelled")
        count_end(self, finish, word)

    async def _register(self) -> None:
        try:
            record = replace(self.record, seen_at=self.clock.now_ms())
            await self.stores.workers.register(record, self.registry.job_types())
        except TriageError as error:
            log.warning("not_registered", code=error.code)

    async def _wait_for_redis(self, drain: Drain) -> None:
        if self._signalled:
            drain.begin("signal")
        warned = ""
        while not drain.begun.is_set():
            try:
                found = await find_problem(self.stores.scripts.redis, self.settings.redis_url)
                if found is None:
                    await self.stores.workers.register(self.record, self.registry.job_types())
                    return
                problem = found.sentence
            except TriageError as error:
                self.reachability.missed()
                problem = error.code
            if problem != warned:
                log.warning("waiting_for_redis", problem=problem)
                warned = problem
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(drain.begun.wait(), 0.5 + random.random() / 2)

    async def _hand_over(self) -> None:
        await self.stores.leases.wake(self.record.pool)
        await self.stores.workers.deregister(self.id)

    def _ticked(self, now: float) -> None:
        if self._heartbeat is not None:
            self._heartbeat.last_tick = now

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
