"""One run of one job on this worker, from its lease to its verdict."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from service.domain.job import Lease
from service.telemetry.spans import Span
from workers.calls.invocation import Handler
from workers.engine.runs.slots import Slot
from workers.handling.context import JobContext

#: Seconds beyond timeout and grace after which even the heartbeat thread gives a run up.
HARD_MARGIN = 2.0

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
    slot: Slot
    stop: Stop | None = None
    #: The lease is gone: another worker may own the job, and nothing is written about this run.
    lost: bool = False
    #: Its verdict waits, because the job may run again and this run has not ended in its grace.
    held: bool = False
    #: Its verdict is given: whatever the handler still does or returns no longer counts.
    concluded: bool = False
    task: asyncio.Task[None] | None = None
    #: Ends the grace of a run that was asked to end, or the wait of one that is held.
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
