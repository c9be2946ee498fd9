"""Schemas of callbacks."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from service.api.schemas.parts.fields import In, Out
from service.domain.callback import MAX_URL, URL

Url = Annotated[
    str,
    StringConstraints(pattern=URL.pattern, max_length=MAX_URL),
    Field(json_schema_extra={"format": "uri"}),
]


class _CallbackIn(In):
    url: Url = Field(description="Receives a signed POST for each event, as webhooks do.")


class JobCallbackIn(_CallbackIn):
    """Reports how the job ends. Absent `events`: however it ends."""

    events: Annotated[
        list[Literal["job.succeeded", "job.dead", "job.cancelled"]], Field(min_length=1, max_length=3)
    ] = Field(default_factory=lambda: ["job.succeeded", "job.dead", "job.cancelled"])


class FlowCallbackIn(_CallbackIn):
    """Reports how the flow ends. Absent `events`: however it ends."""

    events: Annotated[
        list[Literal["flow.succeeded", "flow.failed", "flow.cancelled"]], Field(min_length=1, max_length=3)
    ] = Field(default_factory=lambda: ["flow.succeeded", "flow.failed", "flow.cancelled"])


class FanOutCallbackIn(_CallbackIn):
    """Reports how the fan-out ends. Absent `events`: however it ends."""

    events: Annotated[
        list[Literal["fan_out.succeeded", "fan_out.failed", "fan_out.cancelled"]],
        Field(min_length=1, max_length=3),
    ] = Field(default_factory=lambda: ["fan_out.succeeded", "fan_out.failed", "fan_out.cancelled"])


class CallbackOut(Out):
    """The callback; the query of its URL is hidden."""

    url: str
    events: list[str]
