"""One worker's view of its queues: workers that serve the same queues and job types form a pool."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.domain.errors import TriageError
from service.domain.worker import WorkerRecord
from service.store.leases import Claim, ClaimRequest, Leases

#: The longest blocking call, in seconds: a wake-up that is lost with a killed worker costs no more than this.
BLOCK_AT_MOST = 15.0


@dataclass(frozen=True, slots=True)
class Pool:
    """Claims jobs as this worker, and passes wake-ups among the workers of its pool."""

    leases: Leases
    #: On its own connection, since waiting blocks it.
    wake_ups: Leases
    record: WorkerRecord
    new_request_id: Callable[[], str]

    async def claim(
        self, request_id: str, slots: int, types: Mapping[str, int | None], credits: bytes
    ) -> Claim:
        """Claim at most `slots` jobs; repeating a request with the same id returns the same leases."""
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

    async def take_wake_up(self) -> bool:
        """Take a wake-up that all workers of the pool have heard of; False: another worker has it."""
        return await self.leases.take_wake_up(self.record.pool)

    async def responds(self) -> bool:
        """Whether Redis responds; at most one short call."""
        try:
            await self.leases.ping()
        except TriageError:
            return False
        return True

    async def wake_another(self) -> None:
        """Wake an idle worker of the pool."""
        await self.leases.wake(self.record.pool)
