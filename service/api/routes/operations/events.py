"""Event streams of a job, a flow or a fan-out, which replace polling."""

from typing import Annotated, Any

from fastapi import Header, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.resources import groups
from service.api.resources.jobs import check_visible
from service.api.resources.streams.event_streams import EventStream, Snapshot, stream
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas.history.events import FanOutEventOut, FlowEventOut, JobEventOut
from service.api.schemas.parts.parameters import FanOutId, FlowId, JobId
from service.domain.flow import Flow
from service.domain.group import Group
from service.domain.job import JobStatus
from service.domain.states import FINISHED

router = Router(prefix="/v1")

LastEventId = Annotated[
    str | None,
    Header(description="The last version the client has; the stream continues after it.", max_length=64),
]


def _events(summary: str, model: Any) -> dict[str, Any]:
    successes = {
        200: ("Events with this data, until the resource finishes.", model),
        204: ("The resource has finished and the client has the last event.", None),
    }
    return operation("jobs:read", summary, successes, (404,))


@router.get(
    "/jobs/{job_id}/events",
    name="stream_job_events",
    tags=["jobs"],
    response_class=EventStream,
    **_events("Stream the states of a job", JobEventOut),
)
async def stream_job_events(job_id: JobId, context: Context, last_event_id: LastEventId = None) -> Response:
    """Server-sent events: the current job, then each change, at most four a second, until it finishes.

    Versions increase and may have gaps. A stream may end before the job does, usually with `event: shutdown`,
    `unavailable`, `unauthorized` or `deleted`; to resume, send the last ID as `Last-Event-ID`.
    """

    await check_visible(context, job_id)

    async def read_snapshot() -> Snapshot | None:
        job = await context.namespace.queries.job_status(job_id)
        return job and Snapshot(job.version, job.state in FINISHED, _job(context, job_id, job))

    return await stream(context, job_id, read_snapshot, last_event_id)


@router.get(
    "/flows/{flow_id}/events",
    name="stream_flow_events",
    tags=["flows"],
    response_class=EventStream,
    **_events("Stream the counts of a flow", FlowEventOut),
)
async def stream_flow_events(
    flow_id: FlowId, context: Context, last_event_id: LastEventId = None
) -> Response:
    """Works like the events of a job, with state and counts, until the flow finishes."""
    return await _stream_group(context, flow_id, last_event_id)


@router.get(
    "/fan-outs/{fan_out_id}/events",
    name="stream_fan_out_events",
    tags=["fan-outs"],
    response_class=EventStream,
    **_events("Stream the counts of a fan-out", FanOutEventOut),
)
async def stream_fan_out_events(
    fan_out_id: FanOutId, context: Context, last_event_id: LastEventId = None
) -> Response:
    """Works like the events of a job, with state and counts, until the fan-out finishes."""
    return await _stream_group(context, fan_out_id, last_event_id)


async def _stream_group(context: RequestContext, id: str, last_event_id: str | None) -> Response:
    await groups.check_visible(context, id)

    async def read_snapshot() -> Snapshot | None:
        group = await context.namespace.groups.get(id)
        return group and Snapshot(group.version, not group.live, _group(group))

    return await stream(context, id, read_snapshot, last_event_id)


def _job(context: RequestContext, id: str, job: JobStatus) -> dict[str, Any]:
    return {
        "id": id,
        "object": "job",
        "version": job.version,
        "state": job.state,
        "state_reason": job.state_reason,
        "progress": context.view_of_type(job.name, job.redact).progress(job.progress),
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "id": group.id,
        "object": "flow" if isinstance(group, Flow) else "fan_out",
        "version": group.version,
        "state": group.state,
        "counts": rendering.counts(group),
    }
