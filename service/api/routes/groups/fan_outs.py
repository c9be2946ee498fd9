"""Submitting and reading fan-outs."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, cast

import orjson
from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from service.api.context import Context, RequestContext
from service.api.openapi.example_data import ITEM_RESULT
from service.api.openapi.operation import operation
from service.api.resources import groups
from service.api.resources.fan_out_items import ItemReader, check_all, in_batches
from service.api.resources.fan_outs import respond
from service.api.resources.jobs import present
from service.api.resources.submissions.durability import confirm_fan_out, replicates
from service.api.resources.submissions.submission import (
    begin_submission,
    body_digest,
    read_callback_of,
    specify,
)
from service.api.resources.submissions.unknown_types import warning_of
from service.api.responses import rendering
from service.api.responses.retryability import after_a_part
from service.api.routes.router import Router
from service.api.schemas import fan_outs as schemas
from service.api.schemas.jobs import JobPage
from service.api.schemas.parts.parameters import Durability, FanOutId, IdempotencyKey
from service.api.time_slices import TimeSlices
from service.domain.errors import (
    BackendUnavailable,
    NotFound,
    OutcomeUnknown,
    StorageFull,
)
from service.domain.fan_out import (
    MAX_ITEMS,
    MEMBERS,
    CountMismatch,
    FanOut,
    FanOutSealed,
    FanOutSpec,
    created_fan_out,
)
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.groups.fan_outs import ITEMS_PER_CALL, CreatedFanOut
from service.store.jobs import Idempotency

router = Router(prefix="/v1/fan-outs", tags=["fan-outs"])


class NdjsonResponse(StreamingResponse):
    media_type = "application/x-ndjson"


#: How often the items of a request are stored: a failover may lose those that were stored first.
ROUNDS = 3
#: The same lines as plain text, for generated clients, which do not know NDJSON.
PLAIN = "text/plain"


@router.post(
    "",
    name="create_fan_out",
    **operation(
        "jobs:write",
        "Submit a fan-out",
        {
            202: ("Accepted: the items are stored and will run.", schemas.FanOutOut),
            200: ("It finished while the request waited.", schemas.FanOutOut),
        },
        (413, 415, 429, 507),
        status_code=202,
    ),
)
async def create_fan_out(
    request: Request,
    body: schemas.FanOutSpecIn,
    context: Context,
    idempotency_key: IdempotencyKey = None,
    prefer: Annotated[
        str | None, Header(description="wait=N: wait up to N seconds for the fan-out to finish, at most 30.")
    ] = None,
    durability: Durability = None,
) -> Response:
    """Validates every item before storing it. The first items run while later ones are still arriving.

    With an Idempotency-Key, you can repeat an interrupted request; it resumes where it stopped.
    """
    raw_items = cast("Sequence[bytes]", body.items)
    span = begin_submission(context, "submit fan-out")
    template = await specify(
        context, body.template, span.traceparent, "/template", inside="fan-out", partial=True
    )
    then = body.then and await specify(context, body.then, span.traceparent, "/then", inside="fan-out")
    callback = read_callback_of(body.callback, "fan_out")
    tolerance = body.failure_tolerance.tolerance()
    spec = FanOutSpec(template, then, tolerance, body.max_concurrency, body.sealed, callback)
    reader = ItemReader(context, template.name, template.payload)
    delays = await check_all(reader, raw_items)
    idempotency = None
    if idempotency_key is not None:
        digest = await body_digest(request)
        idempotency = Idempotency("POST /v1/fan-outs", idempotency_key, digest)
    id = context.app_state.ids.new("fan", members=MEMBERS)
    created: CreatedFanOut | None = None
    try:
        created = await context.namespace.fan_outs.create(id, spec, len(raw_items), idempotency)
        await _complete(context, created, spec, reader, raw_items)
        if replicates(context, durability, (template.queue,)):
            await confirm_fan_out(context, created.id, sealed=spec.whole, items=len(raw_items))
    except (BackendUnavailable, OutcomeUnknown, StorageFull) as error:
        failed = error if created is None else after_a_part(error)
        raise type(failed)(failed.message, fan_out_id=id if created is None else created.id) from error
    finally:
        span.end()
    headers = dict(warning_of(context, {job.name for job in (template, then) if job is not None}))
    headers |= {"Idempotency-Replayed": "true"} if created.replayed else {}
    if (ended := await groups.wait_until_finished(context, FanOut, created.id, prefer)) is not None:
        return respond(ended, 200, **headers, **{"Preference-Applied": "wait"})
    return respond(created_fan_out(created.id, spec, delays, created.created_at), 202, **headers)


async def _complete(
    context: RequestContext,
    created: CreatedFanOut,
    spec: FanOutSpec,
    reader: ItemReader,
    raw_items: Sequence[bytes],
) -> None:
    """Store the missing items; stop if a client has cancelled the fan-out meanwhile."""
    fan_outs, again = context.namespace.fan_outs, created.replayed
    for _ in range(ROUNDS):
        if again:
            found = await context.namespace.groups.find(FanOut, created.id)
            if found is None or found.state != "open":
                return
        with contextlib.suppress(NotFound, FanOutSealed, CountMismatch):
            async for items in in_batches(reader, raw_items, ITEMS_PER_CALL):
                await fan_outs.add_items(created.id, items, admitted=True)
            if spec.whole:
                await fan_outs.seal(created.id, len(raw_items))
            return
        again = True
    raise BackendUnavailable()


@router.get(
    "",
    name="list_fan_outs",
    **operation("jobs:read", "List fan-outs, newest first", {200: ("A page.", schemas.FanOutPage)}),
)
async def list_fan_outs(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Each fan-out has its counts; its items are jobs, listed under the fan-out."""
    page = await context.namespace.groups.list(FanOut, limit, cursor)
    return await rendering.page(
        (rendering.fan_out(fan_out) for fan_out in await groups.visible(context, page.items)),
        page.next_cursor,
    )


@router.get(
    "/{fan_out_id}",
    name="get_fan_out",
    **operation(
        "jobs:read",
        "Read a fan-out",
        {200: ("The fan-out.", schemas.FanOutOut), 304: ("Not changed.", None)},
        (404,),
    ),
)
async def get_fan_out(
    fan_out_id: FanOutId,
    context: Context,
    wait: groups.Wait = None,
    if_none_match: groups.IfNoneMatch = None,
) -> Response:
    """`wait` returns once the fan-out differs from `If-None-Match` or, without that header, has finished."""
    fan_out = await groups.poll(context, FanOut, fan_out_id, wait, if_none_match)
    if (not_modified := groups.unchanged(fan_out, if_none_match)) is not None:
        return not_modified
    return respond(fan_out)


@router.get(
    "/{fan_out_id}/jobs",
    name="list_fan_out_jobs",
    **operation(
        "jobs:read", "List the jobs of a fan-out", {200: ("A page, highest index first.", JobPage)}, (404,)
    ),
)
async def list_fan_out_jobs(
    fan_out_id: FanOutId,
    context: Context,
    state: State | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Lists the items that still exist, without the follow-up job. Short pages may have a next page."""
    fan_out = await groups.read(context, FanOut, fan_out_id)
    page = await context.namespace.group_jobs.page(
        fan_out, JobFilter(state=state), limit, cursor, TimeSlices().pause
    )
    return await rendering.page((present(context, job) for job in page.items), page.next_cursor)


_LINE = orjson.dumps(ITEM_RESULT, option=orjson.OPT_APPEND_NEWLINE).decode()
_RESULTS = operation(
    "jobs:read", "Results of a fan-out", {200: ("One ItemResultOut per line.", None)}, (404,)
)
_RESULTS["responses"][200]["content"] = {
    # Binary, since generated clients treat this media type as a blob, a file or bytes.
    NdjsonResponse.media_type: {"schema": {"type": "string", "format": "binary"}, "example": _LINE},
    PLAIN: {"schema": {"type": "string"}, "example": _LINE},
}


@router.get(
    "/{fan_out_id}/results",
    name="list_fan_out_results",
    response_class=NdjsonResponse,
    **_RESULTS,
)
async def list_fan_out_results(
    request: Request,
    fan_out_id: FanOutId,
    context: Context,
    from_index: Annotated[
        int, Query(ge=0, lt=MAX_ITEMS, description="The index of the first item, to resume a broken stream.")
    ] = 0,
    state: State | None = None,
) -> Response:
    """`index`, `key`, `job_id`, `state`, `result`, `error`, in index order, even while items run.

    Deleted items have no line. The format is NDJSON; `Accept: text/plain` returns the same as text.
    """
    fan_out = await groups.read(context, FanOut, fan_out_id)

    async def lines() -> AsyncGenerator[bytes]:
        async for rows in context.namespace.fan_outs.results(fan_out, from_index):
            chosen = [row for row in rows if state is None or row.state is state]
            if chosen:
                yield b"".join(
                    rendering.item_result(row, context.view_of_type(fan_out.name, row.redact))
                    for row in chosen
                )
            await asyncio.sleep(0)

    plain = PLAIN in request.headers.get("accept", "")
    return NdjsonResponse(lines(), media_type=PLAIN if plain else None)
