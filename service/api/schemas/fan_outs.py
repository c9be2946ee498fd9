"""Schemas of fan-outs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.flows import GroupCountsOut
from service.api.schemas.jobs import ErrorOut, JobSpecIn, StateName
from service.api.schemas.parts.callbacks import CallbackOut, FanOutCallbackIn
from service.api.schemas.parts.fields import In, Key, Out, Priority, Seconds
from service.api.schemas.parts.raw_items import raw
from service.api.schemas.queues import MaxConcurrency
from service.domain.fan_out import FAILURES, MAX_ITEMS, PERCENT, Tolerance

#: The most items per request.
MAX_CHUNK = 5_000

Index = Annotated[int, Field(ge=0, lt=MAX_ITEMS)]
FanOutStateName = Literal["open", "running", "succeeded", "failed", "cancelled"]


class ItemIn(In):
    """An item with options besides its payload. Absent options come from the template."""

    payload: dict[str, Any]
    key: Key | None = Field(None, description="Names the item in the results.")
    priority: Priority | None = Field(None, description="Default: the template's.")
    delay_seconds: Seconds | None = Field(None, description="Default: the template's.")


Items = list[ItemIn | dict[str, Any]]


class ToleranceIn(In):
    """Failures that a fan-out tolerates. One more fails it and cancels the items that have not started."""

    count: Annotated[int, Field(ge=FAILURES.least)] | None = None
    percent: Annotated[float, Field(ge=PERCENT.least, le=PERCENT.most)] | None = Field(
        None, description="Percentage of all items; applies once the fan-out is sealed."
    )

    def tolerance(self) -> Tolerance:
        return Tolerance(self.count, self.percent)


class FanOutSpecIn(In):
    """Creates one job per item from the template; the item's payload overrides the template's."""

    template: JobSpecIn
    items: Annotated[Items, Field(max_length=MAX_ITEMS), raw("list")] = Field(
        default_factory=list,
        description="An object with a `payload` member is an item; any other value is the payload itself.",
    )
    sealed: bool = Field(True, description="false: you will add more items and then seal the fan-out.")
    max_concurrency: MaxConcurrency | None = Field(
        None, description="The most items that run at the same time, across all workers."
    )
    failure_tolerance: ToleranceIn = Field(default_factory=lambda: ToleranceIn.model_validate({}))
    then: JobSpecIn | None = Field(
        None,
        description="A follow-up job that runs once after all items finish, unless the fan-out is cancelled.",
    )
    callback: FanOutCallbackIn | None = None


class ItemsIn(In):
    """Items starting at an index. Existing items stay unchanged."""

    start_index: Index
    items: Annotated[Items, Field(min_length=1, max_length=MAX_CHUNK), raw("list", at_least=1)]


class SealIn(In):
    """The number of items that the fan-out must have."""

    expected_count: Annotated[int, Field(ge=0, le=MAX_ITEMS)]


class ToleranceOut(Out):
    count: int | None
    percent: float | None


class FanOutOut(Out):
    """A fan-out and its progress."""

    id: str
    object: Literal["fan_out"]
    version: int
    name: str
    queue: str
    state: FanOutStateName
    sealed: bool
    counts: GroupCountsOut
    max_concurrency: int | None
    failure_tolerance: ToleranceOut
    then_job_id: str | None
    callback: CallbackOut | None
    created_at: datetime
    finished_at: datetime | None


class FanOutPage(Out):
    """A page of fan-outs, newest first."""

    items: list[FanOutOut]
    next_cursor: str | None


class ItemResultOut(Out):
    """A line of a fan-out's results: an item with its outcome or current state."""

    index: int
    key: str | None
    job_id: str
    state: StateName
    result: Any
    error: ErrorOut | None


class RejectedOut(Out):
    """A rejected item. Its index stays free."""

    index: int
    problem: dict[str, Any]


class ItemsOut(Out):
    """The result of adding a chunk; `next_index` is the first missing index."""

    accepted: int
    deduplicated: int
    rejected: list[RejectedOut]
    next_index: int
    sealed: bool
