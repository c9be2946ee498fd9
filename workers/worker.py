"""The worker process: arq's Worker is the shell, and Triage replaces everything that affects durability."""

import asyncio
import inspect
import os
from collections.abc import Coroutine, Sequence
from signal import Signals
from typing import Any

import arq.worker
import structlog

from service.clock import Clock
from service.domain.ids import IdFactory
from service.domain.results import FinishResult
from service.gc_tuning import collect_rarely
from service.settings import Settings, load_settings
from service.store.leases import Finish, HeartbeatReply
from service.tasks import end
from workers.arq.settings import worker_settings
from workers.arq.shell import count_finish, prepare_loop, warn_of_ignored
from workers.engine.heartbeat import Heartbeat
from workers.handling.registry import Registry
from workers.namespaces.served_namespace import Identity, ServedNamespace
from workers.namespaces.served_namespaces import Start
from workers.process.admin import AdminServer
from workers.process.composition import Composition

#: The replies to a finish whose run had lost its lease.
REFUSED = frozenset({FinishResult.STALE, FinishResult.MISSING})
#: The timeout of the shutdown hooks, in seconds.
HOOKS_END_SECONDS = 5.0

log = structlog.get_logger("triage.worker")


class TriageWorker(arq.worker.Worker):
    """Runs jobs of its namespaces until drained; survives outages of Redis.

    arq provides the process (`arq` CLI, `run`, signals) and the programming model (functions with `ctx`,
    hooks, cron, Retry), and makes no decision about a job.

    Pinned to arq 0.28, whose Worker is subclassed here: `__init__`, `main`, `close`, `handle_sig` and `run`
    are overridden. This relies on arq's `__init__` to install `handle_sig` for SIGINT and SIGTERM, on `run`
    to await `main()` and then `close()`, and on the counters `jobs_complete`, `jobs_failed` and
    `jobs_retried`. tests/contract/test_arq.py fails if an upgrade of arq changes any of that.
    """

    #: arq passes on the options in this signature.
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
        """Takes the arguments of arq's worker, as in a WorkerSettings."""
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
        # A subprocess imports handlers by path, so it cannot have functions that are only passed here.
        self._importable = not functions
        clock = Clock()
        new_id = IdFactory(clock.now_ms, os.urandom).new
        self.id = new_id("wk")
        self._identity = Identity(self.id, clock, new_id)
        self._parts: Composition | None = None
        self._signalled = False
        self._heartbeat: Heartbeat | None = None
        self._background: set[asyncio.Task[Any]] = set()
        self._clients: tuple[Any, ...] = ()

    async def main(self) -> None:
        """Start, run until drained, and stop."""
        parts = Composition(
            self.settings, self.registry, self._identity, self.ctx, self._on_reply, self._on_heartbeat
        )
        self._parts, self._pool = parts, self.ctx["redis"]
        server = await parts.start_admin()
        self.port = server.port
        try:
            if self._signalled:
                parts.drain.begin("signal")
            await parts.served.join()
            if not parts.drain.started.is_set():
                await self.registry.hooks.starts(self.ctx)
                collect_rarely()
                await self._work(parts)
        finally:
            await self._stop(parts, server)

    async def _work(self, parts: Composition) -> None:
        """Claim and run jobs until the drain begins, then drain."""
        thread = parts.start_heartbeat()
        self._heartbeat = thread.thread
        for work in parts.background():
            self._spawn(work)
        warn_of_ignored(self.settings, self.registry.settings)
        log.info("worker_started", worker_id=self.id, port=self.port, types=len(self.registry.by_name))
        work = asyncio.create_task(parts.served.work(Start(thread, self.burst, self._importable)))
        drain_started = asyncio.create_task(parts.drain.started.wait())
        await asyncio.wait({work, drain_started}, return_when=asyncio.FIRST_COMPLETED)
        if work.done() and work.exception() is not None:
            log.critical("claim_loop_failed", exc_info=work.exception())
        if not parts.drain.started.is_set():
            parts.drain.begin("nothing is left to do")
        await end([drain_started, work])
        await parts.drain.work()

    async def _stop(self, parts: Composition, server: AdminServer) -> None:
        """End everything after the drain, the admin port and the connections last."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
        parts.stopped.set()
        served = [*parts.served.current.values()]
        await end(self._background)
        await asyncio.gather(*(each.stop() for each in served))
        await parts.connections.unsubscribe()
        await self.registry.hooks.ends(self.ctx, HOOKS_END_SECONDS)
        for each in served:
            each.runners.close()
        server.should_exit = True
        await server.serving
        await self.close()
        log.info("worker_stopped", worker_id=self.id)

    async def close(self) -> None:
        """Close the connections. main() calls this, and arq's run_check again after reading results."""
        if self._parts is not None:
            await self._parts.connections.close()

    def handle_sig(self, signum: Signals) -> None:
        """The first signal drains; the second hands back all jobs at once."""
        again, self._signalled = self._signalled, True
        self.begin_drain(Signals(signum).name, hurry=again)

    def begin_drain(self, why: str, *, hurry: bool = False) -> None:
        """Finish running jobs and exit; `hurry` hands them back instead."""
        if self._parts is not None:
            self._parts.drain.begin(why, hurry)

    def run(self) -> None:
        """Run until drained; a thread that ignores its cancellation does not keep the process alive."""
        super().run()
        if self._parts is not None and (used := self._parts.slots.used):
            log.warning("runs_left_behind", runs=used)
            os._exit(0)

    def _on_heartbeat(self, served: ServedNamespace, reply: HeartbeatReply) -> None:
        served.on_heartbeat(reply)
        if reply.drain and self._parts is not None and not self._parts.drain.started.is_set():
            self._parts.drain.begin("requested")

    def _on_reply(self, served: ServedNamespace, finish: Finish, result: FinishResult) -> None:
        """Handle Redis's reply to a finish."""
        if self.registry.hooks.per_job:
            self.registry.hooks.settled(finish.lease)
        if self.burst:
            served.claimer.wake()  # In a burst, this may have been the last job.
        if result in REFUSED:
            served.metrics.stale.inc()
            log.warning("finish_refused", job_id=finish.lease.job.id, word=result.value)
            return
        served.metrics.settled(finish, cancelled=result is FinishResult.CANCELLED)
        count_finish(self, finish, result)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
