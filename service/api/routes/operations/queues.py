"""Queues: reading, configuring, pausing, purging, deleting."""

from typing import Annotated, Any, Literal

from fastapi import Path, Query, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.preconditions import IfMatch, guard
from service.api.resources import queues as queue_resource
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.routes.router import Router
from service.api.schemas import queues as schemas
from service.domain.errors import CursorInvalid, NotFound
from service.domain.job_spec import NAME
from service.store.queues.queues import Queue

router = Router(prefix="/v1/queues", tags=["queues"])

QueueName = Annotated[str, Path(pattern=NAME.pattern, description="The queue's name.")]
ONE_QUEUE = {200: ("The queue.", schemas.QueueOut)}


def respond(queue: Any) -> Response:
    return rendering.respond(
        queue_resource.queue(queue), 200, {"ETag": rendering.etag(queue.settings.version)}
    )


@router.get(
    "",
    name="list_queues",
    **operation("queues:read", "List queues", {200: ("A page.", schemas.QueuePage)}),
)
async def list_queues(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    order: Annotated[
        Literal["name", "attention"],
        Query(description="`attention`: the first `limit` queues that need attention, on one page."),
    ] = "name",
) -> Response:
    """Every queue with jobs or settings: depth per state, age, rates and workers.

    `order=attention` puts queues with dead letters and paused queues with work first, then sorts by the age
    of the oldest queued job; queues without jobs come last. It takes no cursor, and `totals`, otherwise null,
    cover all queues. The queues of a page have fewer than 5,000 limit key overrides in total.
    """
    if order == "attention":
        return await _by_attention(context, limit, cursor)
    page = await context.namespace.queues.list(limit, cursor)
    items = [queue_resource.queue(queue) for queue in page.items if _is_visible(context, queue.name)]
    return rendering.respond({"items": items, "next_cursor": page.next_cursor, "totals": None})


async def _by_attention(context: RequestContext, limit: int, cursor: str | None) -> Response:
    if cursor is not None:
        raise CursorInvalid()
    reach = context.caller.reach
    only = None if reach is None else reach.queues
    queues, survey = await context.namespace.queues.by_attention(limit, page=True, only=only)
    items = [queue_resource.queue(queue) for queue in queues]
    totals = queue_resource.totals(len(survey.queues), survey.counts())
    return rendering.respond({"items": items, "next_cursor": None, "totals": totals})


@router.get("/{name}", name="get_queue", **operation("queues:read", "Read a queue", ONE_QUEUE, (404,)))
async def get_queue(name: QueueName, context: Context) -> Response:
    """Depth per state, age of the oldest queued job, rates, workers and settings."""
    queue = await context.namespace.queues.get(name)
    if queue is None or not _is_visible(context, name):
        raise NotFound()
    return respond(queue)


def _is_visible(context: RequestContext, name: str) -> bool:
    """A key restricted to job types sees every queue, with the counts of all job types in it."""
    reach = context.caller.reach
    return reach is None or reach.has_queue(name)


@router.patch(
    "/{name}", name="update_queue", **operation("queues:admin", "Change a queue", ONE_QUEUE, (412, 415, 429))
)
async def update_queue(
    name: QueueName, body: schemas.QueueChangesIn, context: Context, if_match: IfMatch = None
) -> Response:
    """Creates a new queue if needed. Limits apply at once; aging applies to jobs queued from now on."""
    context.caller.require_reach(name, None)
    version = None
    if if_match is not None:
        queue = await context.namespace.queues.get(name)
        version = guard(if_match, None if queue is None else queue.settings.version)
    return respond(await context.namespace.queues.configure(name, body.changes(), version))


@router.delete(
    "/{name}",
    name="delete_queue",
    **operation("queues:admin", "Delete an empty queue", {204: ("Deleted.", None)}, (404, 409)),
)
async def delete_queue(name: QueueName, context: Context) -> Response:
    """Deletes the queue and its settings. 409 `queue_not_empty` while it has jobs, even finished ones.

    A queue without settings disappears with its last job.
    """
    context.caller.require_reach(name, None)
    if not await context.namespace.queues.delete(name):
        raise NotFound()
    return Response(status_code=204)


@router.post(
    "/{name}/pause", name="pause_queue", **operation("queues:admin", "Pause a queue", ONE_QUEUE, (415, 429))
)
async def pause_queue(name: QueueName, context: Context, body: schemas.PauseIn | None = None) -> Response:
    """Stops starting jobs of the queue, or of one job type in it, until resumed. Running jobs continue."""
    return respond(await _pause(context, name, body, paused=True))


@router.post(
    "/{name}/resume",
    name="resume_queue",
    **operation("queues:admin", "Resume a queue", ONE_QUEUE, (415, 429)),
)
async def resume_queue(name: QueueName, context: Context, body: schemas.PauseIn | None = None) -> Response:
    """Starts jobs again, in their order, and ends the freezes that rate-limited jobs caused (`freezes`).

    A job type that was paused separately must be resumed separately.
    """
    return respond(await _pause(context, name, body, paused=False))


async def _pause(context: RequestContext, name: str, body: schemas.PauseIn | None, *, paused: bool) -> Queue:
    context.caller.require_reach(name, None if body is None else body.job_type)
    if body is not None and body.job_type is not None:
        return await context.namespace.queues.pause_job_type(name, body.job_type, paused=paused)
    queues = context.namespace.queues
    return await (queues.pause(name) if paused else queues.resume(name))


@router.post(
    "/{name}/purge",
    name="purge_queue",
    **operation(
        "queues:admin",
        "Cancel a queue's waiting jobs",
        {200: ("The number of cancelled jobs.", schemas.PurgeOut)},
        (404, 415),
    ),
)
async def purge_queue(name: QueueName, body: schemas.PurgeIn, context: Context) -> Response:
    """Cancels queued, scheduled and retrying jobs; running ones continue. `confirm` is the queue's name."""
    if body.confirm != name:
        rows = [{"pointer": "/confirm", "code": "mismatch", "message": "must be the queue's name"}]
        raise ValidationFailed(errors=rows)
    context.caller.require_reach(name, None)
    if await context.namespace.queues.get(name) is None:
        raise NotFound()
    return rendering.respond({"purged": await context.namespace.queues.purge(name)})
