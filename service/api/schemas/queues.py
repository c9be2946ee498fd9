"""Queues as clients write and read them."""

from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.fields import In, Name, Out, PositiveSeconds, Seconds
from service.domain.limits import RateLimit


class RateLimitIn(In):
    """No window of `per_seconds`, wherever it begins, holds more than `limit` starts."""

    limit: int = Field(ge=1, le=1_000_000)
    per_seconds: PositiveSeconds = 1
    smooth: bool = False

    def rate_limit(self) -> RateLimit:
        return RateLimit(self.limit, max(1, round(self.per_seconds * 1000)), self.smooth)


class QueueChangesIn(In):
    """Settings to change; null removes a limit, and for aging means strict priority."""

    priority_aging_seconds: Seconds | None = None
    max_depth: Annotated[int, Field(ge=0, le=100_000_000)] | None = None


class PurgeIn(In):
    """`confirm` repeats the name of the queue."""

    confirm: Name


class PurgeOut(Out):
    """How many jobs were cancelled."""

    purged: int


class RateLimitOut(Out):
    limit: int
    per_seconds: float
    smooth: bool


class CountsOut(Out):
    queued: int
    scheduled: int
    retrying: int
    running: int
    blocked: int


class QueueOut(Out):
    """A queue, counted now."""

    name: str
    object: Literal["queue"]
    version: int
    paused: bool
    counts: CountsOut
    dlq_depth: int
    oldest_queued_seconds: float | None
    workers: int
    capacity: int
    enqueued_per_second: float
    finished_per_second: float
    failed_per_second: float
    max_concurrency: int | None
    rate_limit: RateLimitOut | None
    priority_aging_seconds: float | None
    max_depth: int | None


class QueuePage(Out):
    items: list[QueueOut]
    next_cursor: str | None
