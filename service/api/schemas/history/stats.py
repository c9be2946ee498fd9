"""Schemas of the history of queues and job types."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.api.schemas.parts.fields import NoCursor, Out

Counts = list[int | None]
Seconds = list[float | None]


class PercentilesOut(Out):
    """In seconds; null without a run. Accurate to about 10 percent."""

    p50: float | None
    p95: float | None
    p99: float | None


class PercentileSeriesOut(Out):
    """In seconds, one value per step; null without a run. Accurate to about 10 percent."""

    p50: Seconds
    p95: Seconds
    p99: Seconds


class DepthSeriesOut(Out):
    """Jobs per step, sampled within half a minute after its last minute."""

    queued: Counts
    delayed: Counts = Field(description="Scheduled and retrying jobs.")
    running: Counts
    dead: Counts


class StatsTotalsOut(Out):
    """The whole window. `failed` counts failed attempts; the others count jobs."""

    started: int
    succeeded: int
    failed: int
    dead: int
    cancelled: int
    wait_seconds: PercentilesOut
    run_seconds: PercentilesOut


class MarkOut(Out):
    """An event that may explain a change: a new worker version, or a pause or resume."""

    at: datetime
    kind: Literal["deploy", "pause", "resume"]
    version: str | None = Field(description="The worker version of a deploy.")
    queue: str | None
    job_type: str | None = Field(description="Set if only this job type was paused or resumed.")


class StatsOut(Out):
    """Columns of equal length: the value at index i covers step i, which begins at `from` + i * step.

    null is a gap: no process recorded anything. 0 means that nothing happened.
    """

    object: Literal["stats"]
    queue: str | None
    type: str | None
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    step: Literal["1m", "5m", "1h"]
    step_seconds: int
    points: int
    started: Counts
    succeeded: Counts
    failed: Counts = Field(description="Failed attempts, including those that are retried.")
    dead: Counts
    cancelled: Counts
    wait_seconds: PercentileSeriesOut
    run_seconds: PercentileSeriesOut
    depth: DepthSeriesOut | None = Field(description="null for a job type.")
    totals: StatsTotalsOut
    marks: list[MarkOut] = Field(description="The last 100 in the window, oldest first.")


class TrendOut(Out):
    """The same window in steps of `trend_step_seconds`; null is a gap."""

    succeeded: Counts
    failed: Counts
    dead: Counts


class StatsRowOut(StatsTotalsOut):
    """One queue or job type."""

    name: str = Field(description="`other` collects names beyond the limit.")
    trend: TrendOut


class StatsPage(Out):
    """The queues or job types with activity in the window, most failures and deaths first."""

    items: list[StatsRowOut]
    next_cursor: NoCursor
    from_: datetime = Field(serialization_alias="from")
    to: datetime
    trend_step_seconds: int
