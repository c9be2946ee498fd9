"""Renews this worker's leases from a thread, so that a blocked event loop does not lose them."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from service.domain.errors import TriageError
from service.domain.job import Lease
from service.domain.worker import LOST_AFTER_MS, WorkerRecord
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Finish, HeartbeatReply, Leases, decode_heartbeat, heartbeat_arguments
from service.store.redis import keys
from service.store.redis.connect import connect_blocking
from service.store.redis.scripts import BlockingScripts
from workers.engine.executor import Executor
from workers.engine.watchdog import Watchdog

#: How often a lease is renewed before it would expire: two renewals may fail.
RENEWALS_PER_LEASE = 3
#: The longest interval in seconds, however long leases last: three missed heartbeats make a worker "lost".
MAX_INTERVAL = LOST_AFTER_MS / 3000

log = structlog.get_logger("triage.heartbeat")


@dataclass(frozen=True, slots=True)
class HeartbeatClient:
    """This worker's calls to Redis from the heartbeat thread, which has its own connections."""

    record: WorkerRecord
    calls: BlockingScripts
    #: A second connection, since waiting for the inbox blocks it.
    inbox: BlockingScripts
    leases: Leases

    @classmethod
    def connect(cls, settings: Settings, record: WorkerRecord, leases: Leases) -> "HeartbeatClient":
        def scripts(timeout: float) -> BlockingScripts:
            prefix = keys.prefix(settings.namespace)
            connection = connect_blocking(settings.redis_url, socket_timeout=timeout, key=prefix)
            return BlockingScripts(connection, settings.namespace)

        lease = settings.lease_seconds
        return cls(record, calls=scripts(min(2.0, lease / 4)), inbox=scripts(lease), leases=leases)

    def heartbeat(self, running: int, state: str, held: Sequence[Lease], away_ms: int) -> HeartbeatReply:
        """Renew the leases `held` and report the worker's state; returns lost leases and requests."""
        tokens = [(lease.job.id, lease.token) for lease in held]
        arguments = heartbeat_arguments(self.record, self.record.lease_ms, running, state, tokens, away_ms)
        return decode_heartbeat(self.calls.run("heartbeat", arguments))

    def wait_for_inbox(self, seconds: float) -> None:
        """Block until there is a message for this worker, for at most `seconds`."""
        self.inbox.wait_for_inbox(self.record.id, seconds)

    def finish(self, finishes: Sequence[Finish]) -> None:
        self.calls.run("finish", self.leases.finish_arguments(finishes))


class Heartbeat(threading.Thread):
    """Renews leases, runs the watchdog, and waits for cancel and drain requests in the worker's inbox."""

    def __init__(
        self,
        client: HeartbeatClient,
        executor: Executor,
        watchdog: Watchdog,
        reachability: Reachability,
        on_heartbeat: Callable[[HeartbeatReply], None],
    ) -> None:
        """The event loop calls `on_heartbeat` with each reply."""
        super().__init__(name="heartbeat", daemon=True)
        self._client = client
        self._executor = executor
        self._runs = executor.runs
        self._watchdog = watchdog
        self._reachability = reachability
        self._on_heartbeat = on_heartbeat
        self._lease = client.record.lease_ms / 1000
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        """Send heartbeats until stopped, twice a second while Redis is unavailable."""
        away = False
        while not self._stopped.is_set():
            self._watchdog.check()
            try:
                reply = self._send()
                self._reachability.reached()
                self._loop.call_soon_threadsafe(self._on_heartbeat, reply)
                away = False
                self._client.wait_for_inbox(self._interval())
            except TriageError as error:
                self._reachability.missed()
                if not away:
                    log.warning("heartbeat_failed", code=error.code)
                away = True
                self._stopped.wait(0.3 + 0.4 * random.random())
            except RuntimeError:
                return  # The event loop has been closed: the process is ending.

    def _interval(self) -> float:
        """Seconds to the next heartbeat: an idle worker only has to stay visible."""
        seconds = self._lease / RENEWALS_PER_LEASE if self._runs.leases() else self._lease * 2 / 3
        return min(seconds, MAX_INTERVAL)

    def _send(self) -> HeartbeatReply:
        state = "draining" if self._executor.draining.is_set() else "running"
        # Counts slots of unfinished runs as well, although another worker may have their jobs by now.
        used = self._executor.slots.used
        return self._client.heartbeat(used, state, self._runs.leases(), self._reachability.away_ms)
