"""Fan-outs as clients write and read them."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from service.api.schemas.flows import GroupCountsOut
from service.api.schemas.jobs import ErrorOut, JobSpecIn, StateName
from service.api.schemas.parts.fields import In, Key, Out, Priority, Seconds
from service.api.schemas.parts.raw_items import raw
from service.api.schemas.queues import MaxConcurrency
from service.domain.fan_out import FAILURES, MAX_ITEMS, PERCENT, Tolerance

#: Items of one call that adds them.
MAX_CHUNK = 5_000

Index = Annotated[int, Field(ge=0, lt=MAX_ITEMS)]
FanOutStateName = Literal["open", "running", "succeeded", "failed", "cancelled"]


class ItemIn(In):
    """An item with more than its payload; what is absent is the template's."""

    payload: dict[str, Any]
    key: Key | None = Field(None, description="Names the item in the results.")
    priority: Priority | None = Field(None, description="Absent: the template's.")
    delay_seconds: Seconds | None = Field(None, description="Absent: the template's.")


Items = list[ItemIn | dict[str, Any]]


class ToleranceIn(In):
    """Failures that a fan-out bears; one more cancels what has not started, and the fan-out fails."""

    count: Annotated[int, Field(ge=FAILURES.least)] | None = None
    percent: Annotated[float, Field(ge=PERCENT.least, le=PERCENT.most)] | None = Field(
        None, description="Of all items; it counts once the fan-out is sealed."
    )

    def tolerance(self) -> Tolerance:
        return Tolerance(self.count, self.percent)


class FanOutSpecIn(In):
    """One job per item, each the template with the item's payload over the template's."""

    template: JobSpecIn
    items: Annotated[Items, Field(max_length=MAX_ITEMS), raw("list")] = Field(
        default_factory=list,
        description="An object with a member `payload` is an item, every other one is a payload itself.",
    )
    sealed: bool = Field(True, description="false: more items follow, until the fan-out is sealed.")
    max_concurrency: MaxConcurrency | None = Field(
        None, description="Items that run at the same time, over all workers."
    )
    failure_tolerance: ToleranceIn = Field(default_factory=lambda: ToleranceIn.model_validate({}))
    then: JobSpecIn | None = Field(
        None, description="A job that runs once when all items have ended, unless the fan-out was cancelled."
    )


class ItemsIn(In):
    """Items from an index on. An index that the fan-out has already is left as it is."""

    start_index: Index
    items: Annotated[Items, Field(min_length=1, max_length=MAX_CHUNK), raw("list", at_least=1)]


class SealIn(In):
    """How many items the fan-out must have."""

    expected_count: Annotated[int, Field(ge=0, le=MAX_ITEMS)]


class ToleranceOut(Out):
    count: int | None
    percent: float | None


class FanOutOut(Out):
    """A fan-out and how far it is."""

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
    created_at: datetime
    finished_at: datetime | None


class FanOutPage(Out):
    """A page of fan-outs, newest first."""

    items: list[FanOutOut]
    next_cursor: str | None


class ItemResultOut(Out):
    """A line of the results of a fan-out: an item and how it ended, or where it is."""

    index: int
    key: str | None
    job_id: str
    state: StateName
    result: Any
    error: ErrorOut | None


class RejectedOut(Out):
    """An item that was not taken; its index stays free."""

    index: int
    problem: dict[str, Any]


class ItemsOut(Out):
    """What became of a chunk; `next_index` is the first that the fan-out misses."""

    accepted: int
    deduplicated: int
    rejected: list[RejectedOut]
    next_index: int
    sealed: bool
