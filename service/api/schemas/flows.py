"""Flows as clients write and read them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from service.api.schemas.jobs import JobSpecIn, StateName
from service.api.schemas.parts.fields import In, Name, Out, PositiveSeconds
from service.api.schemas.parts.raw_items import raw
from service.domain.flow import Edge

WhenName = Literal["succeeded", "failed", "finished"]


class EdgeIn(In):
    """What a job waits for, and how that must have ended."""

    key: Name
    when: WhenName = "succeeded"


class NodeIn(In):
    """A job of a flow. An edge is the key of another job, or that and `when`."""

    job: JobSpecIn
    depends_on: list[Name | EdgeIn] = Field(default_factory=list)

    def edges(self) -> tuple[Edge, ...]:
        return tuple(
            Edge(edge) if isinstance(edge, str) else Edge(edge.key, edge.when) for edge in self.depends_on
        )


class FlowSpecIn(In):
    """Jobs that wait for each other. Admitted whole or not at all."""

    name: Name
    on_failure: Literal["fail", "continue"] = Field(
        "fail",
        description="fail: once a job is dead, what has not started and does not wait for it is cancelled. "
        "continue: edges alone decide.",
    )
    deadline_seconds: PositiveSeconds | None = Field(
        None, description="For every job of the flow, over all its attempts, from the submission on."
    )
    jobs: Annotated[dict[str, NodeIn], Field(min_length=1), raw("dict", at_least=1)]


class GroupCountsOut(Out):
    """Jobs in each state; the states always add up to the total."""

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
    """A flow and where it is."""

    id: str
    object: Literal["flow"]
    version: int
    name: str
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: GroupCountsOut
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
    created_at: datetime
    finished_at: datetime | None


class FlowPage(Out):
    """A page of flows, newest first."""

    items: list[FlowSummaryOut]
    next_cursor: str | None


class GraphNodeOut(Out):
    key: str
    job_id: str
    name: str | None
    state: StateName | None


class GraphEdgeOut(Out):
    """`to` waits for `from`; a job that added children waits for them with `child`."""

    source: str = Field(serialization_alias="from")
    target: str = Field(serialization_alias="to")
    when: Literal["succeeded", "failed", "finished", "child"]


class GraphOut(Out):
    """The graph of a flow, for a picture."""

    flow_id: str
    nodes: list[GraphNodeOut]
    edges: list[GraphEdgeOut]


class GroupCancelIn(In):
    """How many seconds running jobs get to react."""

    grace_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
