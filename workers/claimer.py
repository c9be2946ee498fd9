"""Fetches work: one script call for all free slots, then sleep until somebody wakes this worker's pool."""

import asyncio
import random
from collections.abc import Callable

import structlog

from service.clock import Clock
from service.domain.errors import TriageError
from service.store.leases import Claim, ClaimRequest, Leases
from service.store.worker_registry import WorkerRecord
from workers.executor import Executor

#: Jobs per claim at most: the time of one script is everybody's time.
CLAIM_AT_MOST = 200
#: Seconds that an idle worker sleeps at most: bounds what a wake-up that got lost with a killed worker costs.
SLEEP_AT_MOST = 15.0
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
        self._wakes = wakes
        self._executor = executor
        self._record = record
        self._lease_ms = lease_ms
        self._clock = clock
        self._new_request_id = new_request_id
        self._expect = expect
        self._credits = b""
        #: Monotonic time of the last claim that was answered or failed.
        self.last_turn = clock.monotonic()
        self._idle: asyncio.Task[None] | None = None
        self._watch_slots = executor.limited
        # Half of the slots: Redis claims for the other half while the runs of the last claim are at work.
        # Measured on no-op jobs: a fifth more jobs per second, without leasing one that cannot start at once.
        self._share = max(1, executor.capacity // 2)
        self._stopping = False

    def stop(self) -> None:
        """Claim no more; a claim that is under way ends by itself and its jobs are handed back."""
        self._stopping = True
        self._executor.slot_freed.set()
        if self._idle is not None:
            self._idle.cancel()

    def nudge(self) -> None:
        """Look for work now instead of waiting to be woken."""
        if self._idle is not None:
            self._idle.cancel()

    async def work(self, burst: bool = False) -> None:
        """Until it is stopped; with `burst`, until nothing is left to do here."""
        self._watch_slots = self._watch_slots or burst
        while not self._stopping:
            self._executor.slot_freed.clear()
            slots = min(self._executor.free, self._share, CLAIM_AT_MOST)
            if slots <= 0:
                await self._executor.slot_freed.wait()
                continue
            claim = await self._claim(slots)
            if claim is None:
                return
            for lease in claim.leases:
                self._executor.start(lease, claim.now_ms)
            if len(claim.leases) == slots or claim.more:
                continue
            if burst and not claim.leases and not self._executor.runs and claim.next_due_ms is None:
                return
            await self._sleep(claim)

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

    async def _sleep(self, claim: Claim) -> None:
        seconds = SLEEP_AT_MOST
        if claim.next_due_ms is not None:
            # A millisecond late rather than early: an early claim would find nothing and sleep again.
            seconds = min(seconds, (claim.next_due_ms + 1) / 1000)
        self._idle = asyncio.create_task(self._wait(seconds))
        freed = asyncio.create_task(self._executor.slot_freed.wait())
        # A slot that becomes free matters only where a type's own limit, or a burst's end, hung on it.
        wait_for = {self._idle, freed} if self._watch_slots else {self._idle}
        await asyncio.wait(wait_for, return_when=asyncio.FIRST_COMPLETED)
        for task in (self._idle, freed):
            task.cancel()
        await asyncio.gather(self._idle, freed, return_exceptions=True)
        self._idle = None

    async def _wait(self, seconds: float) -> None:
        try:
            await self._wakes.wait_for_work(self._record.pool, seconds)
        except TriageError as error:
            log.warning("wake_up_failed", code=error.code)
            await asyncio.sleep(FIRST_PAUSE + random.random() * LAST_PAUSE / 2)
