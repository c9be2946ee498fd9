"""Bulk actions as clients write and read them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.jobs import StateName
from service.api.schemas.parts.fields import In, Name, Out, TagFilter, Time, parse_tags
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

    queue: Name | None = None
    name: Name | None = None
    tag: Annotated[list[TagFilter], Field(max_length=16)] | None = Field(
        None, description="key:value; all must match."
    )
    flow_id: FlowIdText | None = None
    fan_out_id: FanOutIdText | None = None
    created_after: Time | None = Field(None, description="Created at this time or later.")
    created_before: Time | None = Field(None, description="Created before this time.")

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
        )


class BulkFilterIn(FilterIn):
    """As in the list of jobs. All that is given must match, and something must be given."""

    state: StateName | None = None

    def job_filter(self) -> JobFilter:
        return self.filter(None if self.state is None else State(self.state))


class DeadFilterIn(FilterIn):
    """As in the list of dead letters and of jobs. All that is given must match, and something must be."""

    reason: DeadReason | None = None

    def job_filter(self) -> JobFilter:
        return self.filter(State.DEAD, self.reason)


class _BulkIn(In):
    dry_run: bool = Field(False, description="Only say how many jobs match.")
    rate_per_second: Annotated[float, Field(ge=SLOWEST, le=FASTEST)] | None = Field(
        None, description=f"Jobs a second at most, over all processes; absent: {FASTEST}."
    )
    max: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        None, description="Stop when so many jobs have been acted upon."
    )


class BulkActionIn(_BulkIn):
    """What to do with every job that matches."""

    action: Verb
    filter: BulkFilterIn


class DeadRetryIn(_BulkIn):
    """Which dead jobs run again."""

    filter: DeadFilterIn


class BulkFilterOut(Out):
    """What the jobs must match; null: anything."""

    queue: str | None
    state: StateName | None
    name: str | None
    tag: list[str] | None
    reason: DeadReason | None
    flow_id: str | None
    fan_out_id: str | None
    created_after: datetime | None
    created_before: datetime | None


class BulkCountsOut(Out):
    """Jobs that were acted upon so far, and that changed just before or whose unique key is taken."""

    matched: int
    succeeded: int
    skipped: int


class BulkActionOut(Out):
    """A bulk action and how far it is; `matched` is what it has found so far."""

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
    """What a dry run found. With `at_least`, it stopped counting and more may match."""

    dry_run: Literal[True]
    action: Verb
    filter: BulkFilterOut
    matched: int
    at_least: bool
