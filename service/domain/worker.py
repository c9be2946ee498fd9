"""What a worker process says of itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

#: A worker that was not seen for the length of its leases is shown as lost; with longer ones after this time.
LOST_AFTER_MS = 30_000
#: Milliseconds that a heartbeat may be late beyond that.
LATE_MS = 1_000
#: A lost worker stays visible for an hour.
FORGOTTEN_AFTER_MS = 3_600_000

WorkerState = Literal["running", "draining", "lost"]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process as it announced itself; `running` is as of its last heartbeat."""

    id: str
    host: str
    pid: int
    version: str
    queues: Mapping[str, int]
    job_types: tuple[str, ...]
    state: WorkerState
    running: int
    capacity: int
    started_at: int
    seen_at: int
    lease_ms: int = LOST_AFTER_MS
    #: Lost for so long that the entry is dropped.
    forgotten: bool = False

    def serves(self, queue: str) -> bool:
        return queue in self.queues or "*" in self.queues

    @property
    def pool(self) -> str:
        """Workers alike in queues and types share one pool, and one wake-up reaches one of them."""
        return sha256(self._capabilities().encode()).hexdigest()[:16]

    def _capabilities(self) -> str:
        return f",{','.join(sorted(self.queues))},|,{','.join(sorted(self.job_types))},"

    def pool_entry(self) -> tuple[str, str]:
        return self.pool, self._capabilities()
