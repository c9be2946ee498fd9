"""Fetches work: one script call for all free slots, then sleep until a wake-up or until something is due."""

import asyncio
import random
from collections.abc import Callable

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.store.leases import Claim, ClaimRequest, Leases
from service.store.workers import WorkerRecord
from service.tasks import end
from workers.engine.executor import Executor
from workers.engine.wake_ups import WakeUps

#: Jobs per claim at most: the time of one script is everybody's time.
CLAIM_AT_MOST = 200
#: Seconds after a due time at which a worker claims that only stands by, because another one was faster.
STAND_BY = 0.05
#: Seconds between attempts while Redis is away.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0

log = structlog.get_logger("triage.claimer")


class Claimer:
    """The claim loop. A claim whose reply was lost is sent again under its id and answers the same leases."""

    def __init__(
        self,
        leases: Leases,
        wakes: Leases,
        executor: Executor,
        record: WorkerRecord,
        lease_ms: int,
        clock: Clock,
        new_request_id: Callable[[], str],
        expect: Callable[[float], None],
    ) -> None:
        self._leases = leases
        self._executor = executor
        self._record = record
        self._lease_ms = lease_ms
        self._clock = clock
        self._new_request_id = new_request_id
        self._expect = expect
        self._credits = b""
        #: Monotonic time of the last claim that was answered or failed.
        self.last_turn = clock.monotonic()
        #: Set when there may be something to claim, or when the loop is to end.
        self._look = asyncio.Event()
        self._wake_ups = WakeUps(wakes, record.pool, self._look.set)
        #: The due time (Redis, us) for which the timer has just gone off.
        self._awaited_us: int | None = None
        self._watch_slots = executor.limited
        # Half of the slots: Redis claims for the other half while the runs of the last claim are at work.
        # Measured on no-op jobs: a fifth more jobs per second, without leasing one that cannot start at once.
        self._share = max(1, executor.capacity // 2)
        self._stopping = False

    def stop(self) -> None:
        """Claim no more; a claim that is under way ends by itself and its jobs are handed back."""
        self._stopping = True
        self._executor.slot_freed.set()
        self._look.set()

    def nudge(self) -> None:
        """Look for work now instead of waiting to be woken."""
        self._look.set()

    async def work(self, burst: bool = False) -> None:
        """Until it is stopped; with `burst`, until nothing is left to do here."""
        self._watch_slots = self._watch_slots or burst
        try:
            while not self._stopping and await self._turn(burst):
                pass
        finally:
            await self._wake_ups.close()

    async def _turn(self, burst: bool) -> bool:
        """One claim and the sleep after it; False when there is nothing left to do."""
        self._executor.slot_freed.clear()
        slots = min(self._executor.free, self._share, CLAIM_AT_MOST)
        if slots <= 0:
            await self._wait_for_a_slot()
            return True
        self._look.clear()
        self._wake_ups.take()
        # Asked before the claim, which then sees whatever the last runs have left to be done.
        idle = self._executor.idle
        claim = await self._claim(slots)
        if claim is None:
            return False
        await self._start(claim)
        if len(claim.leases) == slots or claim.more:
            self._awaited_us = None
            return True
        if burst and not claim.leases and idle and claim.due_us is None:
            return False
        await self._sleep(claim)
        return True

    async def _start(self, claim: Claim) -> None:
        """Start what was claimed; a smooth rate gives jobs a few milliseconds ahead of their time."""
        began = self._clock.monotonic()
        for lease in sorted(claim.leases, key=lambda lease: lease.starts_in_us):
            if lease.starts_in_us:
                left = began + lease.starts_in_us / 1_000_000 - self._clock.monotonic()
                await asyncio.sleep(max(0.0, left))
            self._executor.start(lease, claim.now_ms + lease.starts_in_us // 1000)

    async def _claim(self, slots: int) -> Claim | None:
        request_id = self._new_request_id()
        pause = FIRST_PAUSE
        while True:
            try:
                claim = await self._leases.claim(self._request(request_id, slots))
            except TriageError as error:
                if self._stopping:
                    return None
                log.warning("claim_failed", code=error.code)
                # The loop turns: a new process would not bring Redis back.
                self.last_turn = self._clock.monotonic()
                await asyncio.sleep(pause * (0.5 + random.random() / 2))
                pause = min(pause * 2, LAST_PAUSE)
                continue
            self.last_turn = self._clock.monotonic()
            self._credits = claim.credits
            if claim.next_alarm_ms is not None:
                self._expect(claim.next_alarm_ms / 1000)
            return claim

    def _request(self, request_id: str, slots: int) -> ClaimRequest:
        return ClaimRequest(
            worker_id=self._record.id,
            request_id=request_id,
            pool=self._record.pool,
            lease_ms=self._lease_ms,
            slots=slots,
            queues=self._record.queues,
            types=self._executor.free_slots_by_type(),
            credits=self._credits,
        )

    async def _wait_for_a_slot(self) -> None:
        freed = asyncio.create_task(self._executor.slot_freed.wait())
        try:
            while not freed.done():
                self._look.clear()
                if self._wake_ups.take():
                    # It was meant for a worker that can start something.
                    await self._wake_another()
                looks = asyncio.create_task(self._look.wait())
                await asyncio.wait({freed, looks}, return_when=asyncio.FIRST_COMPLETED)
                await end([looks])
        finally:
            await end([freed])

    async def _wake_another(self) -> None:
        try:
            await self._leases.wake(self._record.pool)
        except TriageError as error:
            log.warning("wake_up_not_passed_on", code=error.code)

    async def _sleep(self, claim: Claim) -> None:
        """Until a wake-up, the next due time, or whatever else may have brought work."""
        timer = self._set_timer(claim)
        self._wake_ups.listen()
        waits = {asyncio.create_task(self._look.wait())}
        # A slot that becomes free matters only where a type's own limit, or a burst's end, hung on it.
        if self._watch_slots:
            waits.add(asyncio.create_task(self._executor.slot_freed.wait()))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if timer is not None:
                timer.cancel()
            await end(waits)

    def _set_timer(self, claim: Claim) -> asyncio.TimerHandle | None:
        awaited, self._awaited_us = self._awaited_us, None
        if claim.due_us is None or claim.due_in_us is None:
            return None
        # Somebody else was there at the time that this worker had waited for: each of many workers
        # would ask for nothing, time after time. One that has taken nothing stands by from then on.
        stands_by = awaited is not None and not claim.leases and claim.due_us > awaited
        seconds = claim.due_in_us / 1_000_000 + (STAND_BY if stands_by else 0.0)

        def due() -> None:
            self._awaited_us = claim.due_us
            self._look.set()

        return asyncio.get_running_loop().call_later(seconds, due)
