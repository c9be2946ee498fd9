"""Keeps this worker's leases alive from a thread, so that a blocked event loop does not lose them."""

import asyncio
import os
import random
import threading
from collections.abc import Callable
from typing import NoReturn

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.domain.outcome import Failed, Failure, Interrupted, Outcome, settle
from service.reachability import Reachability
from service.settings import Settings
from service.store.leases import Beat, Finish, Leases, beat_arguments, decode_beat
from service.store.redis.connect import connect_blocking
from service.store.redis.scripts import BlockingScripts
from service.store.workers import LOST_AFTER_MS, WorkerRecord
from workers.engine.completer import Settler
from workers.engine.executor import Executor
from workers.engine.runs import outcomes
from workers.engine.runs.run import Run

#: The process ends with this status when a handler blocks the event loop for ever.
EXIT_BLOCKED = 70
#: A lease is renewed this often in its length: two renewals may fail.
RENEWALS_PER_LEASE = 3
#: Seconds between two beats at most, however long the leases: after three of them a worker is shown as lost.
BEAT_AT_LEAST_EVERY = LOST_AFTER_MS / 3000
#: Seconds without a tick after which the event loop counts as blocked.
BLOCKED_AFTER = 2.0

log = structlog.get_logger("triage.heartbeat")


class Heartbeat(threading.Thread):
    """Renews, hears of cancels and drains at once through the worker's inbox, and watches the event loop."""

    def __init__(
        self,
        beats: BlockingScripts,
        inbox: BlockingScripts,
        record: WorkerRecord,
        lease_ms: int,
        executor: Executor,
        settler: Settler,
        leases: Leases,
        clock: Clock,
        reachability: Reachability,
        heard: Callable[[Beat], None],
    ) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._beats = beats
        self._inbox = inbox
        self._record = record
        self._lease_ms = lease_ms
        self._executor = executor
        self._settler = settler
        self._leases = leases
        self._clock = clock
        self._reachability = reachability
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._stopped = threading.Event()
        #: When the event loop last proved that it turns; written by its ticker.
        self.last_tick = clock.monotonic()

    def stop(self) -> None:
        self._stopped.set()

    def run(self) -> None:
        """Beats until it is stopped; while Redis is away it tries again twice a second."""
        away = False
        while not self._stopped.is_set():
            self._watch_loop()
            try:
                beat = decode_beat(self._beats.run("heartbeat", self._arguments()))
                self._reachability.reached()
                self._loop.call_soon_threadsafe(self._heard, beat)
                away = False
                self._inbox.wait_for_inbox(self._record.id, self._interval())
            except TriageError as error:
                self._reachability.missed()
                if not away:
                    log.warning("heartbeat_failed", code=error.code)
                away = True
                self._stopped.wait(0.3 + 0.4 * random.random())
            except RuntimeError:
                return  # The event loop has been closed: the process is ending.

    def _interval(self) -> float:
        """Seconds to the next beat; an idle worker only has to stay visible."""
        lease = self._lease_ms / 1000
        seconds = lease / RENEWALS_PER_LEASE if self._held() else lease * 2 / 3
        return min(seconds, BEAT_AT_LEAST_EVERY)

    def _held(self) -> list[tuple[str, str]]:
        now = self._clock.monotonic()
        runs = [run for run in list(self._executor.runs.values()) if now < run.hard_deadline]
        leases = [run.lease for run in runs] + [finish.lease for finish in self._settler.pending]
        return [(lease.job.id, lease.token) for lease in leases]

    def _arguments(self) -> list[str | bytes | int | float]:
        state = "draining" if self._executor.draining.is_set() else "running"
        # A slot that an unfinished run holds is taken, although its job is somewhere else by now.
        used = self._executor.slots.used
        away = self._reachability.away_ms
        return beat_arguments(self._record, self._lease_ms, used, state, self._held(), away)

    def _watch_loop(self) -> None:
        now = self._clock.monotonic()
        overdue = [run for run in list(self._executor.runs.values()) if now >= run.hard_deadline]
        if overdue and now - self.last_tick > BLOCKED_AFTER:
            self._exit(overdue)

    def _exit(self, overdue: list[Run]) -> NoReturn:
        # The loop will not come back. Who blocks it has timed out; its neighbours are innocent.
        finishes = list(self._settler.pending)
        for run in list(self._executor.runs.values()):
            if run.lost:
                continue
            outcome: Outcome = Interrupted() if run.stop != "timeout" else outcomes.timed_out(run)
            if run in overdue:
                message = f"The handler blocked the event loop for over {run.timeout:g} seconds."
                outcome = Failed(Failure("TimeoutError", message))
            seconds = self._clock.monotonic() - run.started
            ended_at = run.claimed_at + round(seconds * 1000)
            settlement = settle(run.lease.job, outcome, ended_at, random.random)
            finishes.append(Finish(run.lease, settlement, self._record.id, ended_at, round(seconds * 1000)))
        log.critical("event_loop_blocked", jobs=[run.job_id for run in overdue])
        try:
            self._beats.run("finish", self._leases.finish_arguments(finishes))
        except TriageError as error:
            log.critical("finish_failed", code=error.code)
        os._exit(EXIT_BLOCKED)


def start_heartbeat(
    settings: Settings,
    record: WorkerRecord,
    executor: Executor,
    settler: Settler,
    leases: Leases,
    reachability: Reachability,
    heard: Callable[[Beat], None],
) -> Heartbeat:
    """A heartbeat that beats, over connections of its own."""
    url, lease = settings.redis_url, settings.lease_seconds
    heartbeat = Heartbeat(
        beats=BlockingScripts(connect_blocking(url, socket_timeout=min(2.0, lease / 4)), settings.namespace),
        inbox=BlockingScripts(connect_blocking(url, socket_timeout=lease), settings.namespace),
        record=record,
        lease_ms=settings.lease_ms,
        executor=executor,
        settler=settler,
        leases=leases,
        clock=Clock(),
        reachability=reachability,
        heard=heard,
    )
    heartbeat.start()
    return heartbeat
