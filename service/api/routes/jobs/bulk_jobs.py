"""Submitting many jobs with one request."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import Request, Response
from pydantic import ValidationError

from service.api.context import Context, RequestContext
from service.api.openapi.operation import hot, operation
from service.api.requests.strict_json import parse
from service.api.resources.jobs import present
from service.api.resources.submissions.durability import confirm, evidence_of, replicates
from service.api.resources.submissions.submission import begin_submission, body_digest, specify
from service.api.resources.submissions.unknown_types import warning_of
from service.api.responses import rendering
from service.api.responses.errors import JsonInvalid, ValidationFailed
from service.api.responses.problems import of_error
from service.api.responses.retryability import for_client
from service.api.responses.validation import model_rows
from service.api.routes.router import Router
from service.api.schemas import jobs as schemas
from service.api.schemas.parts.parameters import Durability, IdempotencyKey
from service.api.schemas.parts.raw_items import RawItems
from service.api.time_slices import TimeSlices
from service.domain.errors import (
    IdempotencyKeyReused,
    NotFound,
    NotReplicated,
    TriageError,
    UniqueConflict,
)
from service.domain.job_cost import BATCH
from service.domain.results import SubmitResult, Submitted
from service.store.jobs import Idempotency, Submission, batches
from service.store.previews import PAGE_BYTES, shortened, size_of

router = Router(prefix="/v1/jobs", tags=["jobs"])


@router.post(
    "/bulk",
    name="create_jobs",
    **operation(
        "jobs:write",
        "Submit up to 1,000 jobs",
        {200: ("The result for each job.", schemas.BulkOut)},
        (413, 415, 507),
    ),
)
@hot
async def create_jobs(
    request: Request,
    body: schemas.JobsIn,
    context: Context,
    idempotency_key: IdempotencyKey = None,
    durability: Durability = None,
) -> Response:
    """Stores or rejects each job independently. With `atomic` (at most 500), one invalid job rejects all.

    The response omits payloads over 16 KiB (see `truncated`).
    """
    if body.atomic and len(body.jobs) > BATCH:
        rows = [{"pointer": "/jobs", "code": "too_long", "message": f"the limit with atomic is {BATCH} jobs"}]
        raise ValidationFailed(errors=rows)
    digest = "" if idempotency_key is None else await body_digest(request)
    span = begin_submission(context, "submit jobs")
    results: list[dict[str, Any]] = []
    accepted: list[tuple[int, Submission]] = []
    slices = TimeSlices()
    for index, text in enumerate(cast(RawItems, body.jobs)):
        await slices.pause()
        try:
            spec = await specify(context, _parse_item(index, text), span.traceparent, f"/jobs/{index}")
        except JsonInvalid as error:
            raise error.inside(f"/jobs/{index}") from None
        except TriageError as error:
            if body.atomic:
                raise
            results.append(_refused(request, index, error))
            continue
        idempotency = None
        if idempotency_key is not None:
            idempotency = Idempotency("POST /v1/jobs/bulk", f"{idempotency_key}#{index}", digest)
        accepted.append((index, Submission(context.app_state.ids.new("job"), spec, idempotency)))
    submitted = await _submit(context, [submission for _, submission in accepted], atomic=body.atomic)
    await _confirm(context, accepted, submitted, durability)
    span.end()
    replayed, left = False, PAGE_BYTES
    for (index, _), outcome in zip(accepted, submitted, strict=True):
        await slices.pause()
        if isinstance(outcome, TriageError):
            results.append(_refused(request, index, for_client(outcome, request.scope)))
            continue
        error = outcome.error
        if outcome.job is not None and not context.caller.sees(outcome.job.queue, outcome.job.name):
            error = UniqueConflict()  # the key's holder is not visible to a restricted key
        if isinstance(error, IdempotencyKeyReused):
            raise error
        if error is not None or outcome.job is None:
            results.append(_refused(request, index, error or NotFound()))
            continue
        replayed = replayed or outcome.replayed
        status = 200 if outcome.result is SubmitResult.EXISTING else 202
        job = shortened(outcome.job, left)
        left -= size_of(job)
        results.append({"index": index, "status": status, "job": present(context, job), "problem": None})
    results.sort(key=lambda row: row["index"])
    failed = sum(row["problem"] is not None for row in results)
    document = {"succeeded": len(results) - failed, "failed": failed, "results": results}
    headers = dict(warning_of(context, {submission.spec.name for _, submission in accepted}))
    return rendering.respond(document, 200, headers | ({"Idempotency-Replayed": "true"} if replayed else {}))


async def _submit(
    context: RequestContext, submissions: Sequence[Submission], *, atomic: bool
) -> list[Submitted | TriageError]:
    """Return the outcome of each submission. Raises an error of the first call: probably nothing is stored.

    After that some jobs are stored, and the response must say which.
    """
    jobs, outcomes = context.namespace.jobs, list[Submitted | TriageError]()
    for batch in [submissions] if atomic else batches(submissions):
        try:
            outcomes += await jobs.submit_batch(batch)
        except TriageError as error:
            if not outcomes:
                raise
            outcomes += [error] * len(batch)
    return outcomes


async def _confirm(
    context: RequestContext,
    accepted: Sequence[tuple[int, Submission]],
    submitted: list[Submitted | TriageError],
    durability: Durability,
) -> None:
    """Replace the outcome of each job that no replica has confirmed by NotReplicated."""
    stored = [
        (position, outcome.job_id, evidence_of(submission, outcome))
        for position, ((_, submission), outcome) in enumerate(zip(accepted, submitted, strict=True))
        if isinstance(outcome, Submitted)
        and outcome.job is not None
        and replicates(context, durability, (submission.spec.queue,))
    ]
    if not stored:
        return
    try:
        await confirm(context, [id for _, id, _ in stored], [evidence for *_, evidence in stored])
    except NotReplicated as error:
        for position, id, _ in stored:
            submitted[position] = NotReplicated(error.message, job_id=id)


def _parse_item(index: int, text: bytes) -> schemas.JobSpecIn:
    document = parse(text)
    try:
        return schemas.JobSpecIn.model_validate(document)
    except ValidationError as error:
        rows = model_rows(error, f"/jobs/{index}", document, schemas.JobSpecIn)
        raise ValidationFailed(errors=rows) from None


def _refused(request: Request, index: int, error: TriageError) -> dict[str, Any]:
    document = of_error(error, request.url.path, request.scope["state"]["request_id"])
    return {"index": index, "status": document["status"], "job": None, "problem": document}
