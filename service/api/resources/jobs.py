"""The job resource: reads and renders a job, and responds to actions on it."""

from collections.abc import Awaitable, Sequence
from typing import Any

from fastapi import Response

from service.api.context import RequestContext
from service.api.responses import rendering
from service.api.schemas import jobs as schemas
from service.domain.errors import InvalidState, NotFound
from service.domain.job import Job
from service.domain.job_spec import encode_payload
from service.domain.results import Changed
from service.domain.states import State


def present(context: RequestContext, job: Job) -> dict[str, Any]:
    """The job, redacted for this caller."""
    return rendering.job(job, context.view(job))


async def read(context: RequestContext, job_id: str) -> Job:
    job = await context.namespace.queries.job(job_id)
    if job is None:
        raise NotFound()
    return job


def respond(context: RequestContext, job: Job, status: int = 200) -> Response:
    headers = {"ETag": rendering.etag(job.version), "Location": f"/v1/jobs/{job.id}"}
    return rendering.respond(present(context, job), status, headers)


async def act(
    context: RequestContext,
    job_id: str,
    action: Awaitable[Changed],
    done: Sequence[State],
) -> Response:
    """Respond to an action on one job; `done` are the states in which there is nothing left to do."""
    status = 202
    try:
        await action
    except InvalidState as error:
        if error.current_state not in done:
            raise
        status = 200
    return respond(context, await read(context, job_id), status)


async def redrive(context: RequestContext, job_id: str, body: schemas.RedriveIn) -> Response:
    payload = None
    if body.payload is not None:
        payload = encode_payload(body.payload, "/payload", most=context.app_state.settings.max_payload_bytes)
        job_type = context.namespace_state.types.known((await read(context, job_id)).name)
        if job_type is not None:
            await context.namespace_state.types.check(job_type, body.payload)
    action = context.namespace.jobs.redrive_one(job_id, round(body.delay_seconds * 1000), payload, body.queue)
    done = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.BLOCKED)
    return await act(context, job_id, action, done)
