"""The description of a worker process."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

#: A worker without a heartbeat for the length of its leases counts as lost, at the latest after this time.
LOST_AFTER_MS = 30_000
#: Milliseconds of tolerance for late heartbeats.
LATE_MS = 1_000
#: A lost worker stays visible for an hour.
FORGOTTEN_AFTER_MS = 3_600_000

#: The first character of a pool whose workers subscribe to wake-ups; the scripts publish these.
SUBSCRIBED = "@"

WorkerState = Literal["running", "draining", "lost"]


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker process as registered; `running` comes from its last heartbeat."""

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
    #: Lost for so long that its record can be deleted.
    forgotten: bool = False
    #: Whether it subscribes to wake-ups, because it serves several namespaces.
    subscribed: bool = False

    def serves(self, queue: str) -> bool:
        return queue in self.queues or "*" in self.queues

    @property
    def pool(self) -> str:
        """Workers with the same queues and types share a pool; a wake-up reaches one of them."""
        digest = sha256(self._capabilities().encode()).hexdigest()[:16]
        return SUBSCRIBED + digest if self.subscribed else digest

    def _capabilities(self) -> str:
        return f",{','.join(sorted(self.queues))},|,{','.join(sorted(self.job_types))},"

    def pool_entry(self) -> tuple[str, str]:
        return self.pool, self._capabilities()
