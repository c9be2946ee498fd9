"""One job as a resource: reading it, showing it, and the outcome of an action on it."""

from collections.abc import Awaitable, Sequence
from typing import Any

from fastapi import Response

from service.api.context import RequestContext
from service.api.responses import rendering
from service.api.schemas import jobs as schemas
from service.domain.errors import InvalidState, NotFound, UniqueConflict
from service.domain.job import Job
from service.domain.job_spec import encode_payload
from service.domain.states import State
from service.store.jobs import Moved


def present(context: RequestContext, job: Job) -> dict[str, Any]:
    """The job as this caller may see it."""
    return rendering.job(job, context.view(job))


async def read(context: RequestContext, job_id: str) -> Job:
    job = await context.stores.queries.job(job_id)
    if job is None:
        raise NotFound()
    return job


def refused(job: Job | None, state: State | None) -> InvalidState:
    """The 409 of an action; `current_state` tells a client what to do instead."""
    current = job.state if job is not None else state
    return InvalidState(f"The job is {current}.", current_state=current)


def respond(context: RequestContext, job: Job, status: int = 200) -> Response:
    headers = {"ETag": rendering.etag(job.version), "Location": f"/v1/jobs/{job.id}"}
    return rendering.respond(present(context, job), status, headers)


async def act(
    context: RequestContext,
    job_id: str,
    action: Awaitable[Sequence[Moved]],
    done: Sequence[State],
    accepted: int = 202,
) -> Response:
    """Answer an action on one job: `done` are the states in which there was nothing left to do."""
    moved = (await action)[0]
    if moved.word == "missing":
        raise NotFound()
    if moved.word == "conflict":
        raise UniqueConflict(job_id=moved.holder)
    job = await read(context, job_id)
    if moved.word == "illegal" and moved.state not in done:
        raise refused(None, moved.state)
    return respond(context, job, accepted if moved.word in ("moved", "requested") else 200)


async def redrive(context: RequestContext, job_id: str, body: schemas.RedriveIn) -> Response:
    payload = None
    if body.payload is not None:
        payload = encode_payload(body.payload, "/payload", most=context.app_state.settings.max_payload_bytes)
        job_type = context.namespace_state.types.known((await read(context, job_id)).name)
        if job_type is not None:
            await context.namespace_state.types.check(job_type, body.payload)
    action = context.stores.jobs.redrive([job_id], round(body.delay_seconds * 1000), payload, body.queue)
    done = (State.QUEUED, State.SCHEDULED, State.RETRYING, State.BLOCKED)
    return await act(context, job_id, action, done)
