"""The job resource: reads and renders a job, and responds to actions on it."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import Response

from service.api.context import RequestContext
from service.api.responses import rendering
from service.api.schemas import jobs as schemas
from service.domain.errors import InvalidState, UniqueConflict
from service.domain.job import Job
from service.domain.job_spec import encode_payload
from service.domain.results import Changed, Submitted
from service.domain.states import State


def present(context: RequestContext, job: Job) -> dict[str, Any]:
    """The job, redacted for this caller."""
    return rendering.job(job, context.view(job))


async def read(context: RequestContext, job_id: str) -> Job:
    return context.visible(await context.namespace.queries.job(job_id))


async def check_visible(context: RequestContext, job_id: str) -> None:
    """Before an action. Raises NotFound for a job that a restricted key cannot see."""
    if context.caller.reach is not None:
        await read(context, job_id)


def check_holder(context: RequestContext, submitted: Submitted) -> None:
    """Raises UniqueConflict if the holder of the unique key is a job that a restricted key cannot see."""
    job = submitted.job
    if job is not None and not context.caller.sees(job.queue, job.name):
        raise UniqueConflict()


def respond(context: RequestContext, job: Job, status: int = 200) -> Response:
    headers = {"ETag": rendering.etag(job.version), "Location": f"/v1/jobs/{job.id}"}
    return rendering.respond(present(context, job), status, headers)


async def act(
    context: RequestContext,
    job_id: str,
    action: Callable[[], Awaitable[Changed]],
    done: Sequence[State],
) -> Response:
    """Respond to an action on one job; `done` are the states in which there is nothing left to do."""
    await check_visible(context, job_id)
    status = 202
    try:
        await action()
    except InvalidState as error:
        if error.current_state not in done:
            raise
        status = 200
    return respond(context, await read(context, job_id), status)


async def redrive(context: RequestContext, job_id: str, body: schemas.RedriveIn) -> Response:
    payload = None
    if body.payload is not None:
        context.app_state.memory.check(context.caller.namespace)
        payload = encode_payload(body.payload, "/payload", most=context.app_state.settings.max_payload_bytes)
        job_type = context.namespace_state.types.known((await read(context, job_id)).name)
        if job_type is not None:
            await context.namespace_state.types.check(job_type, body.payload)
    if body.queue is not None and context.caller.reach is not None:
        context.caller.require_reach(body.queue, (await read(context, job_id)).name)
    done = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.BLOCKED)
    return await act(
        context,
        job_id,
        lambda: context.namespace.jobs.redrive_one(
            job_id, round(body.delay_seconds * 1000), payload, body.queue
        ),
        done,
    )
