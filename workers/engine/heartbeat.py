"""Renews this worker's leases from a thread, so that a blocked event loop does not lose them."""

import asyncio
import math
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from service.clock import Clock
from service.domain.errors import BackendUnavailable, OutcomeUnknown, TriageError
from service.domain.job import Lease
from service.domain.worker import LOST_AFTER_MS, WorkerRecord
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Finish, HeartbeatReply, Leases, decode_heartbeat, heartbeat_arguments
from service.store.redis.connect import BlockingClient, connect_blocking
from service.store.redis.scripts import BlockingScripts
from workers.engine.executor import Executor
from workers.engine.watchdog import Watchdog

#: How often a lease is renewed before it would expire: two renewals may fail.
RENEWALS_PER_LEASE = 3
#: The longest interval in seconds, however long leases last: three missed heartbeats make a worker "lost".
MAX_INTERVAL = LOST_AFTER_MS / 3000
#: The longest interval of a subscribed worker in seconds while nothing happens in a namespace, and the random
#: part of it, which spreads the heartbeats of many namespaces.
REST, JITTER = LOST_AFTER_MS / 1500, 0.2
#: The pause after a failure that is not one of Redis, in seconds.
AGAIN = 0.5
#: How long to wait for something to do in a thread without namespaces, in seconds.
NOTHING_SECONDS = 60.0

log = structlog.get_logger("triage.heartbeat")


def connect_thread(settings: Settings) -> BlockingClient:
    """The heartbeat thread's connections, one per server."""
    return connect_blocking(settings.redis_url, socket_timeout=min(2.0, settings.lease_seconds / 4))


@dataclass(frozen=True, slots=True)
class HeartbeatClient:
    """A worker's calls to Redis from the heartbeat thread, for one namespace."""

    record: WorkerRecord
    calls: BlockingScripts
    leases: Leases
    #: A second connection, since waiting for the inbox blocks it. None for a subscribed worker.
    inbox: BlockingScripts | None = None

    @classmethod
    def connect(
        cls, settings: Settings, connection: BlockingClient, record: WorkerRecord, leases: Leases
    ) -> "HeartbeatClient":
        calls = BlockingScripts(connection, settings.namespace)
        if record.subscribed:
            return cls(record, calls, leases)
        waiting = connect_blocking(settings.redis_url, socket_timeout=settings.lease_seconds)
        return cls(record, calls, leases, BlockingScripts(waiting, settings.namespace))

    def heartbeat(self, running: int, state: str, held: Sequence[Lease], away_ms: int) -> HeartbeatReply:
        """Renew the leases `held` and report the worker's state; returns lost leases and requests."""
        tokens = [(lease.job.id, lease.token) for lease in held]
        arguments = heartbeat_arguments(self.record, self.record.lease_ms, running, state, tokens, away_ms)
        return decode_heartbeat(self.calls.run("heartbeat", arguments))

    def wait_for_inbox(self, seconds: float) -> None:
        """Block until there is a message for this worker, for at most `seconds`."""
        assert self.inbox is not None
        self.inbox.wait_for_inbox(self.record.id, seconds)

    def finish(self, finishes: Sequence[Finish]) -> None:
        while finishes:
            done = self.calls.run("finish", self.leases.finish_arguments(finishes))
            finishes = finishes[len(done) :]


@dataclass(eq=False)
class NamespaceHeartbeat:
    """The heartbeats of one namespace."""

    client: HeartbeatClient
    executor: Executor
    reachability: Reachability
    #: The event loop calls it with each reply.
    on_reply: Callable[[HeartbeatReply], None]
    #: When the next one is due, on the monotonic clock.
    due: float = 0.0
    #: Whether the last one failed.
    away: bool = False
    #: Whether the next one comes late, because nothing happens.
    resting: bool = False
    lease_seconds: float = field(init=False)
    #: The event loop and the thread of heartbeats change when the next one is due.
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rest_ended: bool = False

    def __post_init__(self) -> None:
        self.lease_seconds = self.client.record.lease_ms / 1000

    def begin(self) -> None:
        """One is about to be sent: what happens meanwhile makes the next one due earlier."""
        with self._lock:
            self.due, self._rest_ended = math.inf, False

    def schedule(self, now: float, *, may_rest: bool) -> None:
        """The reply has arrived."""
        with self._lock:
            self.resting = may_rest and not self._rest_ended
            self.due = min(self.due, now + self.interval())

    def hasten(self) -> None:
        """Make the next one due at once."""
        with self._lock:
            self.due = 0.0

    def end_rest(self, now: float) -> bool:
        """Something happens in the namespace: return to the usual interval. Whether that changes anything."""
        with self._lock:
            rested, self.resting, self._rest_ended = self.resting, False, True
            if rested:
                self.due = min(self.due, now + self.interval())
            return rested

    def send(self) -> HeartbeatReply:
        state = "draining" if self.executor.draining.is_set() else "running"
        # Counts slots of unfinished runs as well, although another worker may have their jobs by now.
        used = self.executor.slots.used
        return self.client.heartbeat(used, state, self.executor.runs.leases(), self.reachability.away_ms)

    def interval(self) -> float:
        """Seconds to the next heartbeat: an idle worker only has to stay visible and see others' leases."""
        busy = self.executor.runs.leases()
        if self.resting and not busy:
            return REST * (1 - JITTER * random.random())
        seconds = self.lease_seconds / RENEWALS_PER_LEASE if busy else self.lease_seconds * 2 / 3
        return min(seconds, MAX_INTERVAL)


class Heartbeat(threading.Thread):
    """Renews leases, runs the watchdog, and waits for cancel and drain requests.

    The thread of a worker of one namespace blocks on its inbox; otherwise messages in an inbox call `wake`.
    """

    def __init__(self, watchdog: Watchdog, clock: Clock) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._watchdog = watchdog
        self._now = clock.monotonic
        self._namespaces: list[NamespaceHeartbeat] = []
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        self._woken = threading.Event()

    def add(self, namespace: NamespaceHeartbeat) -> None:
        """Send heartbeats for another namespace, the first one now."""
        self._namespaces = [*self._namespaces, namespace]
        self._woken.set()

    def remove(self, namespace: NamespaceHeartbeat) -> None:
        self._namespaces = [each for each in self._namespaces if each is not namespace]

    def wake(self, namespace: NamespaceHeartbeat) -> None:
        """Send a heartbeat of this namespace now: there is a message in its inbox."""
        namespace.hasten()
        self._woken.set()

    def end_rest(self, namespace: NamespaceHeartbeat) -> None:
        """Something happens in this namespace: a lease begins, which this or another worker holds."""
        if namespace.end_rest(self._now()):
            self._woken.set()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def run(self) -> None:
        """Send heartbeats until stopped, twice a second to a server that is unavailable."""
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                self._watchdog.check()
                self._send_due()
                self._wait()
            except Exception as error:
                if self._loop.is_closed():
                    return  # The process is ending.
                # Without this thread, the worker would lose the lease of every job that it claims.
                log.critical("heartbeat_failed", exc_info=error)
                self._stopped.wait(AGAIN)

    def _send_due(self) -> None:
        now, failed = self._now(), set[str]()
        for namespace in sorted(self._namespaces, key=lambda namespace: namespace.due):
            if namespace.due > now:
                continue
            # A server that does not respond must not use up the time in which others renew leases.
            if (server := namespace.client.calls.server) not in failed and not self._send(namespace):
                failed.add(server)
            elif server in failed:
                self._on_failure(namespace)

    def _send(self, namespace: NamespaceHeartbeat) -> bool:
        """False if the server does not respond."""
        namespace.begin()
        try:
            reply = namespace.send()
        except Exception as error:
            self._on_failure(namespace, error)
            # Anything else concerns this namespace alone.
            return not isinstance(error, BackendUnavailable | OutcomeUnknown)
        namespace.reachability.reached()
        namespace.away = False
        namespace.schedule(self._now(), may_rest=reply.may_rest)
        self._loop.call_soon_threadsafe(namespace.on_reply, reply)
        return True

    def _on_failure(self, namespace: NamespaceHeartbeat, error: Exception | None = None) -> None:
        namespace.reachability.missed()
        name = namespace.client.calls.namespace
        if isinstance(error, TriageError) and not namespace.away:
            log.warning("heartbeat_failed", code=error.code, namespace=name)
        elif error is not None and not namespace.away:
            log.critical("heartbeat_failed", namespace=name, exc_info=error)
        namespace.away = True
        namespace.due = self._now() + 0.3 + 0.4 * random.random()

    def _wait(self) -> None:
        """Until a heartbeat is due or a message has arrived."""
        due = min((namespace.due for namespace in self._namespaces), default=self._now() + NOTHING_SECONDS)
        if (seconds := due - self._now()) <= 0:
            return
        blocking = next(
            (namespace for namespace in self._namespaces if namespace.client.inbox is not None), None
        )
        if blocking is None or blocking.away:
            self._woken.wait(seconds)
            return
        try:
            blocking.client.wait_for_inbox(seconds)
            blocking.hasten()
        except TriageError as error:
            self._on_failure(blocking, error)
