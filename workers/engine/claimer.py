"""Claims jobs: one script call for all free slots, then a sleep until a wake-up or the next due time."""

import asyncio
import random
from collections.abc import Callable
from operator import attrgetter

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.store.leases import Claim
from workers.engine.executor import Executor
from workers.engine.pool import Pool
from workers.engine.wake_ups import WakeUps, WakeUpSource

#: The most jobs per claim: while one script runs, Redis serves no other client.
CLAIM_AT_MOST = 200
#: While jobs wait for slots, a claim waits until a tenth of the slots is free, or for this time in seconds:
#: a call per freed slot costs more than the job.
GATHER_SHARE, GATHER_SECONDS = 10, 0.001
#: How long after a due time a standby worker claims, in seconds: another worker was faster last time.
STAND_BY = 0.05
#: The first and the longest pause between attempts while Redis is unavailable, in seconds.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0

log = structlog.get_logger("triage.claimer")


def _nothing() -> None:
    pass


class Claimer:
    """The claim loop. It repeats a claim whose reply was lost; the same id returns the same leases."""

    def __init__(
        self,
        pool: Pool,
        executor: Executor,
        clock: Clock,
        schedule_check: Callable[[float], None],
        wake_ups: WakeUpSource | None = None,
    ) -> None:
        """`schedule_check` receives the seconds until a queued job may expire or a cancel must be forced."""
        self._pool = pool
        self._executor = executor
        #: Of this namespace; the worker may serve others.
        self._slots = executor.slots
        self._clock = clock
        self._schedule_check = schedule_check
        #: Called for each claim that has leased jobs.
        self.on_leases: Callable[[], None] = _nothing
        #: From the last claim, so that queue weights also hold when this worker takes one job at a time.
        self._credits = b""
        #: Monotonic time of the last claim that returned or failed.
        self.last_claim_at = clock.monotonic()
        #: Whether nothing is left to claim until a wake-up or a due time.
        self.asleep = False
        #: Set when there may be something to claim, or when the loop should end.
        self._woken = asyncio.Event()
        self._wake_ups: WakeUpSource = wake_ups or WakeUps(pool)
        self._wake_ups.on_wake = self._woken.set
        #: The due time (Redis, us) for which the timer has just gone off.
        self._awaited_us: int | None = None
        self._burst = False
        # Claim for half of the slots, so that Redis works on one half while the other half runs jobs. This
        # gives a fifth more no-op jobs per second, and never leases a job that has to wait for a slot.
        self._most = min(max(1, self._slots.capacity // 2), CLAIM_AT_MOST)
        #: Whether the last claim left jobs in Redis.
        self._more_jobs = False
        self._stopping = False

    def stop(self) -> None:
        """Stop claiming; jobs of a claim in progress still start."""
        self._stopping = True
        self._woken.set()

    def wake(self) -> None:
        """Claim now instead of waiting for a wake-up."""
        self._woken.set()

    def on_heartbeat(self, wake_up: bool) -> None:
        """The heartbeat has looked for a wake-up. One may wait although this worker has heard of none."""
        if self.asleep:
            self.last_claim_at = self._clock.monotonic()
        if wake_up:
            self._wake_ups.note()

    def on_announcement(self) -> None:
        """A wake-up has been announced, or may have been missed."""
        self._wake_ups.note()

    async def work(self, burst: bool = False) -> None:
        """Claim until stopped; with `burst`, until this worker has nothing left to do."""
        self._burst = burst
        try:
            while not self._stopping and await self._claim_and_sleep(burst):
                pass
        finally:
            self._slots.release()
            await self._wake_ups.close()

    async def _claim_and_sleep(self, burst: bool) -> bool:
        """Claim once, then sleep; False when there is nothing left to do."""
        self._slots.see()
        slots = self._slots.available(self._most)
        if slots > 0 and self._more_jobs and slots < self._slots.capacity // GATHER_SHARE:
            await asyncio.sleep(GATHER_SECONDS)
            self._slots.see()
        slots = self._slots.reserve(self._most)
        if slots <= 0:
            await self._wait_for_a_slot()
            return True
        self._woken.clear()
        self._wake_ups.consume()
        # Read before the claim, so that the claim sees any job that the last runs have submitted.
        idle = self._executor.runs.idle
        claim = await self._claim(slots)
        if claim is None:
            return False
        self._slots.keep(len(claim.leases))
        if claim.leases:
            self.on_leases()
        await self._start(claim)
        self._slots.release()
        self._more_jobs = len(claim.leases) == slots or claim.more
        if self._more_jobs:
            self._awaited_us = None
            return True
        if burst and not claim.leases and idle and claim.due_us is None:
            return False
        await self._sleep(claim)
        return True

    async def _start(self, claim: Claim) -> None:
        """Start the claimed jobs. With a smooth rate, some start only a few milliseconds later."""
        began, now_ms = self._clock.monotonic(), claim.now_ms
        for lease in sorted(claim.leases, key=attrgetter("starts_in_us")):
            if lease.starts_in_us:
                left = began + lease.starts_in_us / 1_000_000 - self._clock.monotonic()
                await asyncio.sleep(max(0.0, left))
            self._executor.start(lease, now_ms + lease.starts_in_us // 1000)

    async def _claim(self, slots: int) -> Claim | None:
        request_id = self._pool.new_request_id()
        pause = FIRST_PAUSE
        while True:
            try:
                claim = await self._pool.claim(
                    request_id, slots, self._executor.free_slots_by_type(), self._credits
                )
            except TriageError as error:
                if self._stopping:
                    return None
                log.warning("claim_failed", code=error.code)
                # Counts as a turn: the loop works, and restarting the process would not bring Redis back.
                self.last_claim_at = self._clock.monotonic()
                # Other namespaces may be on a server that works.
                self._slots.release()
                await asyncio.sleep(pause * (0.5 + random.random() / 2))
                pause = min(pause * 2, LAST_PAUSE)
                if (slots := await self._reserve_again(slots)) <= 0:
                    return None
                continue
            self.last_claim_at = self._clock.monotonic()
            self._credits = claim.credits
            if claim.next_alarm_ms is not None:
                self._schedule_check(claim.next_alarm_ms / 1000)
            return claim

    async def _reserve_again(self, slots: int) -> int:
        """Reserve slots to repeat a claim, once Redis responds; 0 when this worker stops."""
        while not self._stopping:
            if self._slots.alone or await self._pool.responds():
                if (reserved := self._slots.reserve(slots)) > 0:
                    return reserved
                await self._wait_for_a_slot()
            else:
                self.last_claim_at = self._clock.monotonic()
                await asyncio.sleep(LAST_PAUSE * (0.5 + random.random() / 2))
        return 0

    async def _wait_for_a_slot(self) -> None:
        while self._slots.available(1) <= 0 and not self._stopping:
            self._woken.clear()
            self._slots.see()
            if self._wake_ups.consume():
                # This worker is full, so wake one that has free slots.
                await self._wake_another()
            else:
                await self._until_woken(or_slot=True)

    async def _wake_another(self) -> None:
        try:
            await self._pool.wake_another()
        except TriageError as error:
            log.warning("wake_up_not_passed_on", code=error.code)

    async def _sleep(self, claim: Claim) -> None:
        """Until a wake-up, the next due time, or any other sign of work."""
        timer = self._set_timer(claim)
        self._wake_ups.listen()
        self.asleep = True
        try:
            await self._until_woken(or_slot=self._watches_slots())
        finally:
            self.asleep = False
            if timer is not None:
                timer.cancel()

    def _watches_slots(self) -> bool:
        """Whether a freed slot matters: at the end of a burst, and to job types that are at their limit.

        With several namespaces, runs of another one may have used it up.
        """
        return self._burst or (self._executor.limited and 0 in self._executor.free_slots_by_type().values())

    async def _until_woken(self, *, or_slot: bool) -> None:
        """Wait for one event alone: a task per event would cost a busy worker more than the claim."""
        if or_slot:
            if self._slots.unseen:
                return
            self._slots.on_free = self._woken.set
        try:
            await self._woken.wait()
        finally:
            self._slots.on_free = None

    def _set_timer(self, claim: Claim) -> asyncio.TimerHandle | None:
        awaited, self._awaited_us = self._awaited_us, None
        if claim.due_us is None or claim.due_in_us is None:
            return None
        # Another worker was faster at the due time that this one waited for. With many workers, all claims
        # but one would return nothing at each due time, so a worker that got nothing claims later next time.
        stands_by = awaited is not None and not claim.leases and claim.due_us > awaited
        seconds = claim.due_in_us / 1_000_000 + (STAND_BY if stands_by else 0.0)

        def due() -> None:
            self._awaited_us = claim.due_us
            self._woken.set()

        return asyncio.get_running_loop().call_later(seconds, due)
