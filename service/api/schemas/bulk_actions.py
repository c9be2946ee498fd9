"""Schemas of bulk actions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.jobs import StateName
from service.api.schemas.parts.fields import Fingerprint, In, Name, Out, TagFilter, Time, parse_tags
from service.domain.bulk_action import FASTEST, SLOWEST, ActionState, Verb
from service.domain.checks import to_ms
from service.domain.job_filter import JobFilter
from service.domain.states import State

FlowIdText = Annotated[str, Field(pattern=r"^flow_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
FanOutIdText = Annotated[str, Field(pattern=r"^fan_[0-7][0-9A-HJKMNP-TV-Z]{25}$")]
DeadReason = Literal[
    "exhausted", "non_retryable", "poison", "expired", "deadline", "unroutable", "undecodable"
]


class FilterIn(In):
    """What all filters have."""

    fingerprint: Fingerprint | None = Field(
        None, description="Only dead jobs of this group of GET /v1/dlq/groups."
    )
    queue: Name | None = None
    name: Name | None = None
    tag: Annotated[list[TagFilter], Field(max_length=16)] | None = Field(
        None, description="key:value; all must match."
    )
    flow_id: FlowIdText | None = None
    fan_out_id: FanOutIdText | None = None
    created_after: Time | None = Field(None, description="Only jobs created at or after this time.")
    created_before: Time | None = Field(None, description="Only jobs created before this time.")

    def filter(self, state: State | None, reason: str | None = None) -> JobFilter:
        return JobFilter(
            queue=self.queue,
            state=state,
            name=self.name,
            tags=parse_tags(self.tag),
            reason=reason,
            group_id=self.flow_id or self.fan_out_id,
            created_after=None if self.created_after is None else to_ms(self.created_after),
            created_before=None if self.created_before is None else to_ms(self.created_before),
            fingerprint=self.fingerprint,
        )


class BulkFilterIn(FilterIn):
    """The filters of the list of jobs. All must match; set at least one."""

    state: StateName | None = None

    def job_filter(self) -> JobFilter:
        return self.filter(None if self.state is None else State(self.state))


class DeadFilterIn(FilterIn):
    """The filters of the lists of dead letters and of jobs. All must match; set at least one."""

    reason: DeadReason | None = None

    def job_filter(self) -> JobFilter:
        return self.filter(State.DEAD, self.reason)


class _BulkIn(In):
    dry_run: bool = Field(False, description="Only count the matching jobs.")
    rate_per_second: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] | None = Field(
        None, description=f"The most jobs per second, across all processes. Default: {FASTEST}."
    )
    max: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        None, description="Stop after this many jobs."
    )


class BulkActionIn(_BulkIn):
    """What to do with every job that matches."""

    action: Verb
    filter: BulkFilterIn


class DeadRetryIn(_BulkIn):
    """The dead jobs to run again."""

    filter: DeadFilterIn


class BulkFilterOut(Out):
    """The filter; null matches every job."""

    queue: str | None
    state: StateName | None
    name: str | None
    tag: list[str] | None
    reason: DeadReason | None
    flow_id: str | None
    fan_out_id: str | None
    created_after: datetime | None
    created_before: datetime | None
    fingerprint: str | None


class BulkCountsOut(Out):
    """Jobs done, and jobs skipped because they changed first or another job holds their unique key."""

    matched: int
    succeeded: int
    skipped: int


class BulkActionOut(Out):
    """A bulk action and its progress; `matched` counts the jobs it has found so far."""

    id: str
    object: Literal["bulk_action"]
    version: int
    state: ActionState
    action: Verb
    filter: BulkFilterOut
    rate_per_second: float | None
    max: int | None
    counts: BulkCountsOut
    created_at: datetime
    finished_at: datetime | None


class BulkActionPage(Out):
    """A page of bulk actions, newest first."""

    items: list[BulkActionOut]
    next_cursor: str | None


class BulkPreviewOut(Out):
    """The number of matching jobs. If `at_least` is set, counting stopped and more may match."""

    dry_run: Literal[True]
    action: Verb
    filter: BulkFilterOut
    matched: int
    at_least: bool
