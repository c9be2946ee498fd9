"""Submitting and reading jobs."""

from typing import Annotated

from fastapi import Header, Query, Request, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import hot, operation
from service.api.requests.long_polls import MAX_WAIT, Waiting, is_finished, matches, preferred_wait, until
from service.api.resources.dead_letter_groups import text_search
from service.api.resources.groups import find_visible
from service.api.resources.jobs import check_holder, present
from service.api.resources.submissions.durability import confirm, evidence_of, replicates
from service.api.resources.submissions.submission import begin_submission, body_digest, specify
from service.api.resources.submissions.unknown_types import WARNING, warning_of
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import jobs as schemas
from service.api.schemas.parts.fields import Name, TagFilter, Time, parse_tags
from service.api.schemas.parts.parameters import Durability, IdempotencyKey, JobId, Search
from service.api.time_slices import TimeSlices
from service.domain.checks import to_ms
from service.domain.errors import (
    BackendUnavailable,
    NotFound,
    OutcomeUnknown,
)
from service.domain.job import Job
from service.domain.job_filter import JobFilter
from service.domain.job_spec import JobSpec
from service.domain.results import REFUSALS, SubmitResult, Submitted
from service.domain.states import State
from service.store.jobs import Idempotency, Submission
from service.telemetry.spans import Span

router = Router(prefix="/v1/jobs", tags=["jobs"])

#: A response warns about a larger payload, in bytes, and recommends a reference.
WARN_BYTES = 1_024


@router.post(
    "",
    name="create_job",
    **operation(
        "jobs:write",
        "Submit a job",
        {
            202: ("Accepted: the job is stored and will run.", schemas.JobOut),
            200: (
                "The job finished while the request waited, or this job holds the unique key.",
                schemas.JobOut,
            ),
        },
        (409, 413, 415, 429, 507),
        status_code=202,
    ),
)
@hot
async def create_job(
    request: Request,
    body: schemas.JobSpecIn,
    context: Context,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[
        str | None, Header(description="wait=N: wait up to N seconds for the job to finish, at most 30.")
    ] = None,
    durability: Durability = None,
) -> Response:
    """Stores a job and returns it. With `Prefer: wait=N`, the response waits until the job finishes."""
    span = begin_submission(context, f"submit {body.name}")
    spec = await specify(context, body, span.traceparent)
    idempotency = None
    if idempotency_key is not None:
        digest = await body_digest(request)
        idempotency = Idempotency("POST /v1/jobs", idempotency_key, digest)
    submission = Submission(context.app_state.ids.new("job"), spec, idempotency)
    seconds = preferred_wait(prefer)
    if seconds is None:
        return _respond(context, await _submit(context, submission, span, durability), spec)
    # Watch before submitting: the job may finish before Redis' reply arrives.
    async with context.watch(submission.id) as waiting:
        submitted = await _submit(context, submission, span, durability)
        if submitted.job_id == submission.id:
            job = await _end_of(context, submitted.job_id, waiting, seconds)
            return _waited(context, submitted, job, spec)
    async with context.watch(submitted.job_id) as waiting:
        job = await _end_of(context, submitted.job_id, waiting, seconds)
        return _waited(context, submitted, job, spec)


async def _end_of(context: RequestContext, id: str, waiting: Waiting, seconds: float) -> Job | None:
    try:
        job = await until(
            lambda: context.namespace.queries.job(id), waiting, seconds, is_finished, context.app_state.clock
        )
        if job is not None:
            await context.namespace_state.types.load_type(job.name)
    except BackendUnavailable:
        return None  # The submission is stored, and an error would make the client retry it.
    return job


async def _submit(
    context: RequestContext, submission: Submission, span: Span, durability: Durability
) -> Submitted:
    failed: str | None = "error"
    try:
        submitted = await context.namespace.jobs.submit_one(submission)
        check_holder(context, submitted)
        if replicates(context, durability, (submission.spec.queue,)):
            await confirm(context, [submitted.job_id], [evidence_of(submission, submitted)])
        failed = None
        return submitted
    except REFUSALS as error:
        failed = error.code
        raise
    except OutcomeUnknown as error:
        raise OutcomeUnknown(error.message, job_id=submission.id) from error
    finally:
        span.end(failed)


def _headers(context: RequestContext, job: Job, submitted: Submitted, spec: JobSpec) -> dict[str, str]:
    headers = {"Location": f"/v1/jobs/{job.id}", "ETag": rendering.etag(job.version)}
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    if context.namespace_state.types.known(job.name) is None:
        headers |= warning_of(context, (job.name,))
    if len(spec.payload) > WARN_BYTES:
        large = (
            f"payload is {len(spec.payload)} bytes; keep it under {WARN_BYTES} and pass a reference to "
            "large data"
        )
        headers[WARNING] = f"{headers[WARNING]}; {large}" if WARNING in headers else large
    return headers


def _respond(context: RequestContext, submitted: Submitted, spec: JobSpec) -> Response:
    if submitted.job is None:
        raise NotFound("The job that held the unique key has just finished. Submit the job again.")
    status = 200 if submitted.result is SubmitResult.EXISTING else 202
    return rendering.respond(
        present(context, submitted.job), status, _headers(context, submitted.job, submitted, spec)
    )


def _waited(context: RequestContext, submitted: Submitted, job: Job | None, spec: JobSpec) -> Response:
    if job is None or not is_finished(job):
        return _respond(context, submitted, spec)
    headers = _headers(context, job, submitted, spec) | {"Preference-Applied": "wait"}
    return rendering.respond(present(context, job), 200, headers)


@router.get(
    "",
    name="list_jobs",
    **operation("jobs:read", "List jobs, newest first", {200: ("A page.", schemas.JobPage)}),
)
async def list_jobs(
    context: Context,
    queue: Name | None = None,
    state: State | None = None,
    name: Name | None = None,
    tag: Annotated[
        list[TagFilter] | None, Query(description="key:value; if repeated, all must match", max_length=16)
    ] = None,
    flow_id: Annotated[str | None, Query(pattern=r"^flow_[0-7][0-9A-HJKMNP-TV-Z]{25}$")] = None,
    fan_out_id: Annotated[str | None, Query(pattern=r"^fan_[0-7][0-9A-HJKMNP-TV-Z]{25}$")] = None,
    created_after: Annotated[
        Time | None, Query(description="Only jobs created at or after this time.")
    ] = None,
    created_before: Annotated[Time | None, Query(description="Only jobs created before this time.")] = None,
    search: Search = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """All filters must match. A page may be shorter than `limit`, or empty, and still have a `next_cursor`.

    A request checks at most 50,000 jobs, newest first; `next_cursor` continues behind them. Omits values over
    16 KiB (see `truncated`) and limits a page to 8 MiB.
    """
    filter = JobFilter(
        queue=queue,
        state=state,
        name=name,
        tags=parse_tags(tag),
        group_id=flow_id or fan_out_id,
        created_after=None if created_after is None else to_ms(created_after),
        created_before=None if created_before is None else to_ms(created_before),
        reach=context.caller.reach,
        search=await text_search(context, search, state),
    )
    if len(filter.tags) < len(set(tag or [])):
        return await rendering.page([], None)  # a tag has only one value, so no job matches
    if filter.group_id is None:
        page = await context.namespace.queries.list_jobs(filter, limit, cursor, TimeSlices().pause)
    else:
        group = await find_visible(context, filter.group_id)
        if group is None or (flow_id and fan_out_id):
            return await rendering.page([], None)
        page = await context.namespace.group_jobs.page(group, filter, limit, cursor, TimeSlices().pause)
    return await rendering.page((present(context, job) for job in page.items), page.next_cursor)


@router.get(
    "/{job_id}",
    name="get_job",
    **operation(
        "jobs:read", "Read a job", {200: ("The job.", schemas.JobOut), 304: ("Not changed.", None)}, (404,)
    ),
)
@hot
async def get_job(
    job_id: JobId,
    context: Context,
    wait: Annotated[
        float | None, Query(ge=0, le=MAX_WAIT, description="How long to wait for a change, in seconds.")
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """`wait` returns once the job differs from `If-None-Match` or, without that header, has finished."""
    namespace = context.namespace
    if wait is None:
        job = await namespace.queries.job(job_id)
    else:
        async with context.watch(job_id) as waiting:
            job = await until(
                lambda: namespace.queries.job(job_id),
                waiting,
                wait,
                lambda job: not matches(if_none_match, job.version) if if_none_match else is_finished(job),
                context.app_state.clock,
            )
    job = context.visible(job)
    headers = {"ETag": rendering.etag(job.version)}
    if if_none_match is not None and matches(if_none_match, job.version):
        return Response(status_code=304, headers=headers)
    await context.namespace_state.types.load_type(job.name)
    return rendering.respond(present(context, job), 200, headers)
