"""Actions on a job: update, cancel, retry, run now, delete; and its attempts and logs."""

from fastapi import Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.requests.preconditions import IfMatch, guard
from service.api.resources.jobs import act, check_visible, read, redrive, respond
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.routes.router import Router
from service.api.schemas import jobs as schemas
from service.api.schemas.parts.parameters import JobId
from service.domain.checks import to_ms
from service.domain.errors import InvalidState
from service.domain.job_spec import change_retry
from service.domain.results import ChangeResult
from service.domain.states import State

router = Router(prefix="/v1/jobs/{job_id}", tags=["jobs"])

ONE_JOB = {200: ("The job.", schemas.JobOut)}


@router.patch("", name="update_job", **operation("jobs:write", "Change a job", ONE_JOB, (404, 409, 412, 415)))
async def update_job(
    job_id: JobId,
    body: schemas.JobChangesIn,
    context: Context,
    if_match: IfMatch = None,
) -> Response:
    """Changes the priority, time, tags or retry policy of an unfinished job. A queued job keeps its age."""
    job = await read(context, job_id)
    given = body.model_fields_set
    if not given:
        raise ValidationFailed(errors=[{"pointer": "", "code": "empty", "message": "nothing to change"}])
    await context.namespace.jobs.update(
        job_id,
        if_version=guard(if_match, job.version),
        priority=body.priority,
        run_at_ms=None if body.run_at is None else to_ms(body.run_at),
        tags=body.tags,
        retry=None if body.retry is None else change_retry(job.retry, body.retry.given()),
    )
    return respond(context, await read(context, job_id))


@router.delete(
    "",
    name="delete_job",
    **operation("jobs:write", "Delete a finished job", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_job(job_id: JobId, context: Context) -> Response:
    """Deletes a finished job now, before its retention ends."""
    await check_visible(context, job_id)
    await context.namespace.jobs.delete_one(job_id)
    return Response(status_code=204)


@router.post(
    "/cancel",
    name="cancel_job",
    **operation(
        "jobs:write",
        "Cancel a job",
        {
            **ONE_JOB,
            202: ("Requested: the job is running and has its grace period to react.", schemas.JobOut),
        },
        (404, 409, 415),
    ),
)
async def cancel_job(job_id: JobId, context: Context, body: schemas.CancelIn | None = None) -> Response:
    """Cancels a waiting job at once. A running job gets the grace period to react, then Triage stops it."""
    grace = context.app_state.settings.cancel_grace_seconds
    if body is not None and body.grace_seconds is not None:
        grace = body.grace_seconds
    message = "" if body is None or body.reason is None else body.reason
    status = 200
    await check_visible(context, job_id)
    try:
        changed = await context.namespace.jobs.cancel_one(job_id, round(grace * 1000), message)
        if changed.result is ChangeResult.REQUESTED:
            status = 202
    except InvalidState as error:
        if error.current_state is not State.CANCELLED:
            raise
    return respond(context, await read(context, job_id), status)


@router.post(
    "/retry",
    name="retry_job",
    **operation(
        "jobs:write",
        "Run a dead or cancelled job again",
        {**ONE_JOB, 202: ("A new run is queued.", schemas.JobOut)},
        (404, 409, 413, 415, 429),
    ),
)
async def retry_job(job_id: JobId, context: Context, body: schemas.RedriveIn | None = None) -> Response:
    """Runs the job from the start: resets failures, crashes, `expires_seconds` and `deadline_seconds`.

    Returns a job that is already queued or running unchanged.
    """
    return await redrive(context, job_id, body or schemas.RedriveIn())


@router.post(
    "/run-now",
    name="run_job_now",
    **operation(
        "jobs:write",
        "Run a scheduled or retrying job now",
        {**ONE_JOB, 202: ("Queued.", schemas.JobOut)},
        (404, 409),
    ),
)
async def run_job_now(job_id: JobId, context: Context) -> Response:
    """Queues the job without waiting for its time."""
    return await act(
        context, job_id, lambda: context.namespace.jobs.run_now(job_id), (State.QUEUED, State.RUNNING)
    )


@router.get(
    "/attempts",
    name="list_job_attempts",
    **operation(
        "jobs:read", "Failed attempts of a job", {200: ("Oldest first.", schemas.AttemptPage)}, (404,)
    ),
)
async def list_job_attempts(job_id: JobId, context: Context) -> Response:
    """The last 50 failed or crashed attempts, each with its error."""
    view = context.view(await read(context, job_id))
    texts = await context.namespace.queries.attempts(job_id)
    return await rendering.page((rendering.attempt(text, view) for text in texts), None)


@router.get(
    "/logs",
    name="list_job_logs",
    **operation("jobs:read", "Log lines of a job", {200: ("Oldest first.", schemas.LogPage)}, (404,)),
)
async def list_job_logs(job_id: JobId, context: Context) -> Response:
    """The last 1,000 lines the handler logged."""
    view = context.view(await read(context, job_id))
    texts = await context.namespace.queries.logs(job_id)
    return await rendering.page((rendering.log_line(text, view) for text in texts), None)
