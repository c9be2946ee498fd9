"""What to measure."""

from dataclasses import dataclass
from typing import Any

import orjson

#: Key of the tag that all jobs of a measurement carry.
TAG = "triage-bench"
#: Jobs for each connection that are not counted.
WARM_UP = 5
#: Seconds beyond the measurement after which its jobs are forgotten, should nobody be left to delete them.
SPARE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Plan:
    """`timeout` is in seconds, from the first job to the end of the last one; `force` allows other work."""

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
        """Jobs of the warm-up; never more than are measured."""
        return min(self.jobs, self.concurrency * WARM_UP)

    def spec(self) -> bytes:
        """One attempt: a job that fails is counted, not run until it succeeds."""
        return orjson.dumps(
            {
                "name": self.job,
                "queue": self.queue,
                "payload": self.payload,
                "retry": {"max_attempts": 1},
                "retention_seconds": self.timeout + SPARE_SECONDS,
                "tags": {TAG: self.id},
            }
        )
