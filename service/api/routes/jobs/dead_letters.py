"""The dead-letter queue: dead jobs, held for inspection, redriven or deleted."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.resources import bulk_actions as bulk
from service.api.resources.dead_letter_groups import text_search
from service.api.resources.jobs import redrive
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import bulk_actions as bulk_schemas
from service.api.schemas import jobs as job_schemas
from service.api.schemas import operators as schemas
from service.api.schemas.parts.fields import Fingerprint, Name
from service.api.schemas.parts.parameters import IdempotencyKey, JobId, Search
from service.api.time_slices import TimeSlices
from service.domain.bulk_action import BulkSpec
from service.domain.errors import InvalidState, NotFound
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.states import State

router = Router(prefix="/v1/dlq", tags=["dead letters"])


async def _entry(context: RequestContext, job: Job) -> dict[str, Any]:
    attempts = await context.namespace.queries.attempts(job.id)
    return rendering.dead_letter(job, attempts, context.view(job))


async def _dead(context: RequestContext, job_id: str) -> Job:
    job = context.visible(await context.namespace.queries.job(job_id))
    if job.state is not State.DEAD:
        raise NotFound()
    return job


@router.get(
    "",
    name="list_dead_letters",
    **operation(
        "dlq:read", "List dead letters", {200: ("A page, newest job first.", schemas.DeadLetterPage)}
    ),
)
async def list_dead_letters(
    context: Context,
    queue: Name | None = None,
    name: Name | None = None,
    reason: Annotated[str | None, Query(pattern=r"^[a-z_]{1,32}$")] = None,
    fingerprint: Annotated[Fingerprint | None, Query(description="A group of GET /v1/dlq/groups.")] = None,
    search: Search = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Dead jobs with reason, error and last attempt. Omits values over 16 KiB (see `truncated`).

    A page may be shorter than `limit`, or empty, and still have a `next_cursor`.
    """
    filter = JobFilter(
        state=State.DEAD,
        queue=queue,
        name=name,
        reason=reason,
        fingerprint=fingerprint,
        reach=context.caller.reach,
        search=await text_search(context, search, State.DEAD),
    )
    queries = context.namespace.queries
    page = await queries.list_jobs(filter, limit, cursor, TimeSlices().pause)
    attempts = await queries.last_attempts([job.id for job in page.items])
    rows = (
        rendering.dead_letter(job, last, context.view(job), ["attempts"] if count > 1 else [])
        for job, (count, last) in zip(page.items, attempts, strict=True)
    )
    return await rendering.page(rows, page.next_cursor)


@router.post(
    "/retry",
    name="retry_dead_jobs",
    **operation(
        "dlq:write",
        "Run every matching dead job again",
        {
            202: ("Accepted: it runs in the background.", bulk_schemas.BulkActionOut),
            200: ("A dry run: nothing has changed.", bulk_schemas.BulkPreviewOut),
        },
        (413, 415, 507),
        status_code=202,
    ),
)
async def retry_dead_jobs(
    request: Request, body: bulk_schemas.DeadRetryIn, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Starts a bulk action that retries each job. It does not retry jobs that die again."""
    spec = BulkSpec("retry", body.filter.job_filter(), body.rate_per_second, body.max)
    bulk.check(context, spec, body.filter)
    if body.dry_run:
        return await bulk.preview(context, spec)
    return await bulk.begin(request, context, spec, idempotency_key)


@router.get(
    "/{job_id}",
    name="get_dead_letter",
    **operation("dlq:read", "Read a dead letter", {200: ("The entry.", schemas.DeadLetterOut)}, (404,)),
)
async def get_dead_letter(job_id: JobId, context: Context) -> Response:
    """Returns 404 if the job is not dead."""
    return rendering.respond(await _entry(context, await _dead(context, job_id)))


@router.post(
    "/{job_id}/retry",
    name="retry_dead_letter",
    **operation(
        "dlq:write",
        "Run a dead job again",
        {
            200: ("The job is already queued or running.", job_schemas.JobOut),
            202: ("A new run is queued.", job_schemas.JobOut),
        },
        (404, 409, 413, 415, 429),
    ),
)
async def retry_dead_letter(
    job_id: JobId, context: Context, body: job_schemas.RedriveIn | None = None
) -> Response:
    """Runs the job from the start: resets failures, crashes, `expires_seconds` and `deadline_seconds`.

    The same step removes the job from the dead-letter queue.
    """
    return await redrive(context, job_id, body or job_schemas.RedriveIn())


@router.delete(
    "/{job_id}",
    name="delete_dead_letter",
    **operation("dlq:write", "Delete a dead job", {204: ("Deleted.", None)}, (404,)),
)
async def delete_dead_letter(job_id: JobId, context: Context) -> Response:
    """Deletes the job and its history."""
    await _dead(context, job_id)
    try:
        await context.namespace.jobs.delete_one(job_id)
    except InvalidState as error:  # the job is no longer dead
        raise NotFound() from error
    return Response(status_code=204)
