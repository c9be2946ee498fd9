"""The parameters of a measurement."""

from dataclasses import dataclass
from typing import Any

#: The key of the tag of a measurement's jobs.
TAG = "triage-bench"
#: A job type that does nothing, from the sample handlers.
SAMPLE = "sync-data"
#: Uncounted jobs per connection.
WARM_UP = 5
#: How long after the timeout Triage forgets the jobs if this command cannot delete them, in seconds.
SPARE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """`timeout` covers the whole measurement, in seconds; `force` allows other jobs in the queue."""

    id: str
    jobs: int
    concurrency: int
    batch: int
    queue: str
    job: str
    payload: dict[str, Any]
    force: bool
    timeout: float

    @property
    def tag(self) -> str:
        return f"{TAG}:{self.id}"

    @property
    def warm_up(self) -> int:
        """The number of jobs in the warm-up, at most as many as are measured."""
        return min(self.jobs, self.concurrency * WARM_UP)

    def spec(self) -> dict[str, Any]:
        """A JobSpec with one attempt: the report counts failures, so they are not retried."""
        return {
            "name": self.job,
            "queue": self.queue,
            "payload": self.payload,
            "retry": {"max_attempts": 1},
            "retention_seconds": self.timeout + SPARE_SECONDS,
            "tags": {TAG: self.id},
        }
