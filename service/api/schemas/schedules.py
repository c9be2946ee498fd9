"""Schemas of schedules."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from service.api.schemas.jobs import JobSpecIn
from service.api.schemas.parts.fields import In, Out, Time
from service.domain.checks import to_ms

_YEAR = 31_536_000

Cron = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]{1,128}$")]
Timezone = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_+/-]{0,63}$")]


class ScheduleIn(In):
    """A job and when to submit it: `cron` or `every_seconds`."""

    cron: Cron | None = Field(
        None,
        description="5 fields, or 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly.",
    )
    every_seconds: float | None = Field(
        None,
        ge=1,
        le=_YEAR,
        description="Counted from start_at, otherwise from the creation of the schedule.",
    )
    timezone: Timezone = Field("UTC", description="An IANA time zone, for cron.")
    job: JobSpecIn = Field(description="The job to submit at each fire time; it cannot have run_at.")
    start_at: Time | None = Field(None, description="Does not fire before this time.")
    end_at: Time | None = Field(None, description="Does not fire after this time.")
    catch_up: Literal["none", "latest", "all"] = Field(
        "none",
        description="Missed fire times: skip them, fire the latest, or fire the latest 100.",
    )
    overlap: Literal["allow", "skip", "replace"] = Field(
        "allow",
        description=(
            "If an earlier run is unfinished: start another one, skip this fire time, or cancel the "
            "earlier run."
        ),
    )
    paused: bool = False

    def definition(self) -> dict[str, Any]:
        """The stored form: times in unix ms, and the job as sent."""
        every = self.every_seconds
        return {
            "cron": self.cron,
            "every_ms": None if every is None else round(every * 1000),
            "timezone": self.timezone,
            "start_ms": None if self.start_at is None else to_ms(self.start_at),
            "end_ms": None if self.end_at is None else to_ms(self.end_at),
            "catch_up": self.catch_up,
            "overlap": self.overlap,
            "job": self.job.model_dump(mode="json", exclude_unset=True),
        }


class LastRunOut(Out):
    """The last job that the schedule started; `slot` is null for a run on request."""

    job_id: str
    slot: datetime | None


class RunOut(Out):
    """The result of a fire time."""

    slot: datetime | None
    at: datetime
    outcome: Literal[
        "created",
        "existing",
        "conflict",
        "full",
        "skipped",
        "missed",
        "replaced",
        "too_many_queues",
        "quota_exceeded",
    ]
    job_id: str | None


class ScheduleOut(Out):
    """A schedule with its next fire times and at most 50 last runs, newest first."""

    name: str
    object: Literal["schedule"]
    version: int
    cron: str | None
    every_seconds: float | None
    timezone: str
    job: dict[str, Any]
    start_at: datetime | None
    end_at: datetime | None
    catch_up: Literal["none", "latest", "all"]
    overlap: Literal["allow", "skip", "replace"]
    paused: bool
    next_run_at: datetime | None
    next_runs: list[datetime]
    last_run: LastRunOut | None
    runs: list[RunOut]


class SchedulePage(Out):
    """A page, by name."""

    items: list[ScheduleOut]
    next_cursor: str | None
