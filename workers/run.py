"""One run of one job on this worker, from its lease to its verdict."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from service.domain.job import Lease
from service.tracing import Span
from workers.context import JobContext
from workers.invocation import Handler

#: Why this worker ended a run that had not ended by itself.
Stop = Literal["timeout", "cancel", "drain", "lost", "parked"]


@dataclass(slots=True, eq=False)
class Run:
    """`started` is this process's monotonic clock; `claimed_at` is Redis time at the claim."""

    lease: Lease
    handler: Handler
    context: JobContext
    claimed_at: int
    started: float
    #: Seconds that the handler gets, the job's deadline included.
    timeout: float
    #: The clock at which they are over.
    deadline: float
    #: The clock at which a run that ignores everything is given up, even by a blocked event loop.
    hard_deadline: float
    stop: Stop | None = None
    #: Its verdict is given: whatever the handler still does or returns no longer counts.
    concluded: bool = False
    task: asyncio.Task[None] | None = None
    #: Ends the grace of a run that was asked to end.
    timer: asyncio.TimerHandle | None = None
    #: Only where spans are exported.
    span: Span | None = None

    @property
    def job_id(self) -> str:
        return self.lease.job.id

    def disarm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
