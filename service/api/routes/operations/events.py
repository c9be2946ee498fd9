"""Streams of what becomes of a job, a flow or a fan-out, for who would ask again and again."""

from typing import Annotated, Any

from fastapi import Header, Response

from service.api.context import Ask, Asked
from service.api.openapi.operation import operation
from service.api.resources.event_streams import EventStream, Moment, stream
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas.events import FanOutEventOut, FlowEventOut, JobEventOut
from service.api.schemas.parts.parameters import FanOutId, FlowId, JobId
from service.domain.states import FINISHED
from service.store.groups.groups import Group, kind_of
from service.store.queries import Standing

router = Router(prefix="/v1")

LastEventId = Annotated[
    str | None, Header(description="The version that the client has: it is not sent again.", max_length=64)
]


def _events(summary: str, model: Any) -> dict[str, Any]:
    answers = {
        200: ("Events, each with this data, until it has ended.", model),
        204: ("It has ended, and the client has the last event.", None),
    }
    return operation("jobs:read", summary, answers, (404,))


@router.get(
    "/jobs/{job_id}/events",
    name="stream_job_events",
    tags=["jobs"],
    response_class=EventStream,
    **_events("Stream the states of a job", JobEventOut),
)
async def stream_job_events(job_id: JobId, asked: Ask, last_event_id: LastEventId = None) -> Response:
    """Server-sent events: the job as it is, then when it changed, at most four a second, until it has ended.

    Versions increase and may have gaps. A stream can end before the job, often with `event: shutdown`,
    `unavailable`, `unauthorized` or `deleted`; send the last id as `Last-Event-ID` to go on.
    """

    async def look() -> Moment | None:
        job = await asked.stores.queries.standing(job_id)
        return job and Moment(job.version, job.state in FINISHED, _job(asked, job_id, job))

    return await stream(asked, job_id, look, last_event_id)


@router.get(
    "/flows/{flow_id}/events",
    name="stream_flow_events",
    tags=["flows"],
    response_class=EventStream,
    **_events("Stream the counts of a flow", FlowEventOut),
)
async def stream_flow_events(flow_id: FlowId, asked: Ask, last_event_id: LastEventId = None) -> Response:
    """As for a job: state and counts, until the flow has ended."""
    return await _stream_group(asked, flow_id, last_event_id)


@router.get(
    "/fan-outs/{fan_out_id}/events",
    name="stream_fan_out_events",
    tags=["fan-outs"],
    response_class=EventStream,
    **_events("Stream the counts of a fan-out", FanOutEventOut),
)
async def stream_fan_out_events(
    fan_out_id: FanOutId, asked: Ask, last_event_id: LastEventId = None
) -> Response:
    """As for a job: state and counts, until the fan-out has ended."""
    return await _stream_group(asked, fan_out_id, last_event_id)


async def _stream_group(asked: Asked, id: str, last_event_id: str | None) -> Response:
    async def look() -> Moment | None:
        group = await asked.stores.groups.get(id)
        return group and Moment(group.version, not group.live, _group(group))

    return await stream(asked, id, look, last_event_id)


def _job(asked: Asked, id: str, job: Standing) -> dict[str, Any]:
    return {
        "id": id,
        "object": "job",
        "version": job.version,
        "state": job.state,
        "state_reason": job.state_reason,
        "progress": asked.view_of_type(job.name, job.redact).progress(job.progress),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "object": "flow" if kind_of(group.id) == "flow" else "fan_out",
        "version": group.version,
        "state": group.state,
        "counts": rendering.counts(group),
    }
