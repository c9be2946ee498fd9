"""Submitting and reading jobs."""

import hashlib
from typing import Annotated, Any

from fastapi import Header, Path, Query, Request, Response

from service.api.context import Ask, Asked
from service.api.openapi.operation import operation
from service.api.requests.long_polls import MAX_WAIT, Waiting, is_finished, matches, preferred_wait, until
from service.api.requests.time_slices import Turns
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import jobs as schemas
from service.api.schemas.fields import Name, TagFilter, Time, parse_tags
from service.domain.errors import (
    IdempotencyKeyReused,
    NotFound,
    OutcomeUnknown,
    PayloadTooLarge,
    QueueFull,
    TooManyQueues,
    TriageError,
    UniqueConflict,
)
from service.domain.job import Job, JobSpec
from service.domain.states import State
from service.store.jobs import Idempotency, Submission, Submitted
from service.store.queries import JobFilter
from service.telemetry import spans
from service.telemetry.spans import Span

router = Router(prefix="/v1/jobs", tags=["jobs"])

JobId = Annotated[str, Path(pattern=r"^job_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="Id of a job.")]
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=r"^[\x21-\x7e]{1,255}$", description="The same key and body within 24 h: the same job."),
]
#: Bytes of payload above which a client is told to refer to its data by id.
WARN_BYTES = 1_024
#: Bytes that are hashed in one step.
_HASHED = 1_048_576


def present(asked: Asked, job: Job) -> dict[str, Any]:
    """The job as this caller may see it."""
    return rendering.job(job, asked.view(job))


@router.post(
    "",
    name="create_job",
    **operation(
        "jobs:write",
        "Submit a job",
        {
            202: ("Accepted: the job is stored and will run.", schemas.JobOut),
            200: ("Finished while the request waited, or the job that holds the unique key.", schemas.JobOut),
        },
        (409, 413, 415, 429, 507),
        status_code=202,
    ),
)
async def create_job(
    request: Request,
    body: schemas.JobSpecIn,
    asked: Ask,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[
        str | None, Header(description="wait=N: answer when the job has finished, at most 30 s.")
    ] = None,
) -> Response:
    """Stores a job and answers with it. With `Prefer: wait=N` the answer waits for the end of the job."""
    span = begin_submission(asked, f"submit {body.name}")
    spec = await specify(asked, body, span.traceparent)
    idempotency = None
    if idempotency_key is not None:
        digest = await body_digest(request)
        idempotency = Idempotency("POST /v1/jobs", idempotency_key, digest)
    submission = Submission(asked.backend.ids.new("job"), spec, idempotency)
    seconds = preferred_wait(prefer)
    if seconds is None:
        return _answer(asked, await _submit(asked, submission, span), spec)
    # The watch comes first: a job can end before the answer to its submission is read.
    async with asked.watch(submission.id) as waiting:
        submitted = await _submit(asked, submission, span)
        if submitted.job_id == submission.id:
            job = await _end_of(asked, submitted.job_id, waiting, seconds)
            return _waited(asked, submitted, job, spec)
    async with asked.watch(submitted.job_id) as waiting:
        job = await _end_of(asked, submitted.job_id, waiting, seconds)
        return _waited(asked, submitted, job, spec)


async def _end_of(asked: Asked, id: str, waiting: Waiting, seconds: float) -> Job | None:
    job = await until(
        lambda: asked.stores.queries.job(id), waiting, seconds, is_finished, asked.backend.clock
    )
    if job is not None:
        await asked.space.types.load_type(job.name)
    return job


def begin_submission(asked: Asked, name: str) -> Span:
    """What is submitted under it is its child; without OpenTelemetry, a child of what the request names."""
    parent, tracer = spans.CURRENT.get(), asked.backend.tracer
    return spans.PassedOn(parent) if tracer is None else tracer.start(name, "producer", parent, {})


async def _submit(asked: Asked, submission: Submission, span: Span) -> Submitted:
    failed = "error"
    try:
        submitted = await asked.stores.jobs.submit_one(submission)
        if (error := refusal(submitted)) is not None:
            failed = error.code
            raise error
        failed = None
        return submitted
    except OutcomeUnknown as error:
        raise OutcomeUnknown(error.message, job_id=submission.id) from error
    finally:
        span.end(failed)


def refusal(submitted: Submitted) -> TriageError | None:
    """The error that a submission was answered with, if any."""
    match submitted.word:
        case "reused":
            return IdempotencyKeyReused()
        case "conflict":
            return UniqueConflict(job_id=submitted.job_id)
        case "full":
            return QueueFull()
        case "too_many_queues":
            return TooManyQueues()
        case _:
            return None


async def body_digest(request: Request) -> str:
    """The SHA-256 of the body: what an Idempotency-Key stands for."""
    digest, body, turns = hashlib.sha256(), memoryview(await request.body()), Turns()
    for start in range(0, len(body), _HASHED):
        digest.update(body[start : start + _HASHED])
        await turns.pause()
    return digest.hexdigest()


async def specify(
    asked: Asked, body: schemas.JobSpecIn, traceparent: str | None, root: str = "", *, partial: bool = False
) -> JobSpec:
    """`partial`: the payload is not complete yet, so it is not held against its schema."""
    job_type = asked.space.types.known(body.name)
    if job_type is not None and not partial:
        await asked.space.types.check(job_type, body.payload, f"{root}/payload")
    spec = body.spec(job_type, traceparent, asked.space.types.queue_defaults)
    size, limit = len(spec.payload), asked.backend.settings.max_payload_bytes
    asked.backend.metrics.http.payload(asked.caller.namespace, size)
    if size > limit:
        raise PayloadTooLarge(
            f"The payload has {size} bytes and may have {limit}: store the data elsewhere and pass its id."
        )
    return spec


def _headers(job: Job, submitted: Submitted, spec: JobSpec) -> dict[str, str]:
    headers = {"Location": f"/v1/jobs/{job.id}", "ETag": rendering.etag(job.version)}
    if submitted.word == "replayed":
        headers["Idempotency-Replayed"] = "true"
    if len(spec.payload) > WARN_BYTES:
        headers["Triage-Warning"] = (
            f"payload of {len(spec.payload)} bytes; keep it under {WARN_BYTES} and refer to data by id"
        )
    return headers


def _answer(asked: Asked, submitted: Submitted, spec: JobSpec) -> Response:
    if submitted.job is None:
        raise NotFound("The job that held the unique key has just ended; submit again.")
    status = 200 if submitted.word == "existing" else 202
    return rendering.respond(present(asked, submitted.job), status, _headers(submitted.job, submitted, spec))


def _waited(asked: Asked, submitted: Submitted, job: Job | None, spec: JobSpec) -> Response:
    if job is None or not is_finished(job):
        return _answer(asked, submitted, spec)
    headers = _headers(job, submitted, spec) | {"Preference-Applied": "wait"}
    return rendering.respond(present(asked, job), 200, headers)


@router.get(
    "",
    name="list_jobs",
    **operation("jobs:read", "List jobs, newest first", {200: ("A page.", schemas.JobPage)}),
)
async def list_jobs(
    asked: Ask,
    queue: Name | None = None,
    state: State | None = None,
    name: Name | None = None,
    tag: Annotated[
        list[TagFilter] | None, Query(description="key:value; repeated: all must match", max_length=16)
    ] = None,
    flow_id: Annotated[str | None, Query(pattern=r"^flow_[0-7][0-9A-HJKMNP-TV-Z]{25}$")] = None,
    fan_out_id: Annotated[str | None, Query(pattern=r"^fan_[0-7][0-9A-HJKMNP-TV-Z]{25}$")] = None,
    created_after: Annotated[Time | None, Query(description="Created at this time or later.")] = None,
    created_before: Annotated[Time | None, Query(description="Created before this time.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """All filters must match. A page can be shorter than `limit` and still have a `next_cursor`.

    Values over 16 KiB are left out, see `truncated`, and a page ends before it has 8 MiB.
    """
    filter = JobFilter(
        queue=queue,
        state=state,
        name=name,
        tags=parse_tags(tag),
        group_id=flow_id or fan_out_id,
        created_after=None if created_after is None else schemas.to_ms(created_after),
        created_before=None if created_before is None else schemas.to_ms(created_before),
    )
    if len(filter.tags) < len(set(tag or [])):
        return rendering.page([], None)  # no job has two values of one key
    if filter.group_id is None:
        page = await asked.stores.queries.list_jobs(filter, limit, cursor)
    else:
        group = await asked.stores.groups.get(filter.group_id)
        if group is None or (flow_id and fan_out_id):
            return rendering.page([], None)
        page = await asked.stores.members.page(group, filter, limit, cursor)
    return rendering.page([present(asked, job) for job in page.items], page.next_cursor)


@router.get(
    "/{job_id}",
    name="get_job",
    **operation(
        "jobs:read", "Read a job", {200: ("The job.", schemas.JobOut), 304: ("Not changed.", None)}, (404,)
    ),
)
async def get_job(
    job_id: JobId,
    asked: Ask,
    wait: Annotated[
        float | None, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for a change.")
    ] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """`wait` answers when the job differs from `If-None-Match`, without that header when it has finished."""
    stores = asked.stores
    if wait is None:
        job = await stores.queries.job(job_id)
    else:
        async with asked.watch(job_id) as waiting:
            job = await until(
                lambda: stores.queries.job(job_id),
                waiting,
                wait,
                lambda job: not matches(if_none_match, job.version) if if_none_match else is_finished(job),
                asked.backend.clock,
            )
    if job is None:
        raise NotFound()
    headers = {"ETag": rendering.etag(job.version)}
    if if_none_match is not None and matches(if_none_match, job.version):
        return Response(status_code=304, headers=headers)
    await asked.space.types.load_type(job.name)
    return rendering.respond(present(asked, job), 200, headers)
