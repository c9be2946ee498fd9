"""Schemas of events: the state of a job, a flow or a fan-out, never payloads and results."""

from typing import Literal

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
