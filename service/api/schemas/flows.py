"""Schemas of flows."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.jobs import JobSpecIn, StateName
from service.api.schemas.parts.callbacks import CallbackOut, FlowCallbackIn
from service.api.schemas.parts.fields import In, Name, Out, PositiveSeconds
from service.api.schemas.parts.raw_items import raw
from service.domain.flow import Edge

WhenName = Literal["succeeded", "failed", "finished"]


class EdgeIn(In):
    """A dependency of a job, and the outcome it requires."""

    key: Name
    when: WhenName = "succeeded"


class NodeIn(In):
    """A job of a flow. An edge is the key of another job, or an object with key and `when`."""

    job: JobSpecIn
    depends_on: list[Name | EdgeIn] = Field(default_factory=list)

    def edges(self) -> tuple[Edge, ...]:
        return tuple(
            Edge(edge) if isinstance(edge, str) else Edge(edge.key, edge.when) for edge in self.depends_on
        )


class FlowSpecIn(In):
    """Jobs with dependencies. Triage accepts all of them or none."""

    name: Name
    on_failure: Literal["fail", "continue"] = Field(
        "fail",
        description=(
            "fail: when a job dies, cancel jobs that have not started, except those that wait for it. "
            "continue: only the conditions of edges decide."
        ),
    )
    deadline_seconds: PositiveSeconds | None = Field(
        None, description="For every job of the flow, across all its attempts, counted from the submission."
    )
    callback: FlowCallbackIn | None = None
    jobs: Annotated[dict[str, NodeIn], Field(min_length=1), raw("dict", at_least=1)]


class GroupCountsOut(Out):
    """The number of jobs in each state; they always add up to the total."""

    total: int
    blocked: int
    scheduled: int
    queued: int
    running: int
    retrying: int
    succeeded: int
    dead: int
    cancelled: int


class FlowOut(Out):
    """A flow and its state."""

    id: str
    object: Literal["flow"]
    version: int
    name: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: GroupCountsOut
    callback: CallbackOut | None
    jobs: dict[str, str]
    created_at: datetime
    finished_at: datetime | None


class FlowSummaryOut(Out):
    """A flow in a list, without its jobs."""

    id: str
    object: Literal["flow"]
    version: int
    name: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: GroupCountsOut
    callback: CallbackOut | None
    created_at: datetime
    finished_at: datetime | None


class FlowPage(Out):
    """A page of flows, newest first."""

    items: list[FlowSummaryOut]
    next_cursor: str | None


class GraphNodeOut(Out):
    """A job of the flow; all but key and ID are null if it was deleted."""

    key: str
    job_id: str
    name: str | None
    state: StateName | None
    queued_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


class GraphEdgeOut(Out):
    """`to` waits for `from`; a job that added children waits for them with `child`."""

    source: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    when: Literal["succeeded", "failed", "finished", "child"]


class GraphOut(Out):
    """A flow's graph, for drawing."""

    flow_id: str
    nodes: list[GraphNodeOut]
    edges: list[GraphEdgeOut]


class GroupCancelIn(In):
    """How many seconds running jobs have to react."""

    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
