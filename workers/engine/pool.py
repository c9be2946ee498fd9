"""The queues as one worker sees them: workers alike in queues and job types form a pool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.domain.worker import WorkerRecord
from service.store.leases import Claim, ClaimRequest, Leases

#: Seconds of one blocking call at most: bounds what a wake-up costs that was lost with a killed worker.
BLOCK_AT_MOST = 15.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Claims jobs as this worker, and passes wake-ups among the workers of its pool."""

    leases: Leases
    #: On a connection of its own, which a blocking call occupies.
    wake_ups: Leases
    record: WorkerRecord
    new_request_id: Callable[[], str]

    async def claim(
        self, request_id: str, slots: int, types: Mapping[str, int | None], credits: bytes
    ) -> Claim:
        """Claim at most `slots` jobs; a request that is sent again with its id returns the same leases."""
        return await self.leases.claim(
            ClaimRequest(
                worker_id=self.record.id,
                request_id=request_id,
                pool=self.record.pool,
                lease_ms=self.record.lease_ms,
                slots=slots,
                queues=self.record.queues,
                types=types,
                credits=credits,
            )
        )

    async def wait_for_wake_up(self) -> None:
        """Return when this worker is woken, or after BLOCK_AT_MOST seconds."""
        await self.wake_ups.wait_for_work(self.record.pool, BLOCK_AT_MOST)

    async def wake_another(self) -> None:
        """Wake an idle worker of the pool."""
        await self.leases.wake(self.record.pool)
