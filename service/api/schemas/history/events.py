"""Schemas of events: the state of a job, a flow or a fan-out, never payloads and results."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from service.api.schemas.fan_outs import FanOutStateName
from service.api.schemas.flows import GroupCountsOut
from service.api.schemas.jobs import ProgressOut, StateName
from service.api.schemas.parts.fields import Out


class JobEventOut(Out):
    """The data of a job event; the event's ID is the version."""

    id: str
    object: Literal["job"]
    version: int
    state: StateName
    state_reason: str | None
    progress: ProgressOut | None


class FlowEventOut(Out):
    """The data of a flow event; the event's ID is the version."""

    id: str
    object: Literal["flow"]
    version: int
    state: Literal["running", "succeeded", "failed", "cancelled"]
    counts: GroupCountsOut


class FanOutEventOut(Out):
    """The data of a fan-out event; the event's ID is the version."""

    id: str
    object: Literal["fan_out"]
    version: int
    state: FanOutStateName
    counts: GroupCountsOut


class EventOut(Out):
    """The data of an event in the stream of a namespace or queue."""

    type: str = Field(description="`object.state`, such as job.dead, flow.failed or queue.paused.")
    at: datetime
    object: Literal["job", "flow", "fan_out", "queue"]
    id: str = Field(description="For a queue, its name.")
    version: int | None
    state: str
    state_reason: str | None
    queue: str | None
    name: str | None = Field(description="The job type, or the name of the flow.")
    group_id: str | None = Field(description="The flow or fan-out of a job.")
