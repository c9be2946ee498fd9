"""Schedules as clients write and read them."""

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
    """When and what: `cron` or `every_seconds`, and a job."""

    cron: Cron | None = Field(
        None,
        description="5 fields, 6 with seconds first, or @hourly, @daily, @weekly, @monthly, @yearly.",
    )
    every_seconds: float | None = Field(
        None, ge=1, le=_YEAR, description="Counted from start_at, else from when the schedule was made."
    )
    timezone: Timezone = Field("UTC", description="A zone of the IANA database, for cron.")
    job: JobSpecIn = Field(description="What every slot starts; it cannot have run_at.")
    start_at: Time | None = Field(None, description="No slot before this time.")
    end_at: Time | None = Field(None, description="No slot after this time.")
    catch_up: Literal["none", "latest", "all"] = Field(
        "none",
        description="Slots that nobody could fire: skip them, fire the newest, or the newest 100.",
    )
    overlap: Literal["allow", "skip", "replace"] = Field(
        "allow", description="While an earlier run is not over: start beside it, skip the slot, or cancel it."
    )
    paused: bool = False

    def definition(self) -> dict[str, Any]:
        """What is kept: times in unix ms, the job as it was sent."""
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
    """The last job that was started; `slot` is null when somebody asked for it."""

    job_id: str
    slot: datetime | None


class RunOut(Out):
    """What became of a slot."""

    slot: datetime | None
    at: datetime
    outcome: Literal[
        "created", "existing", "conflict", "full", "skipped", "missed", "replaced", "too_many_queues"
    ]
    job_id: str | None


class ScheduleOut(Out):
    """A schedule, the times at which it fires next, and its last runs, newest first, at most 50."""

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
