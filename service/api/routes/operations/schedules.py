"""Schedules: jobs at recurring times."""

from typing import Annotated, Any

from fastapi import Path, Query, Request, Response

from service.api.context import Context, RequestContext
from service.api.openapi.operation import operation
from service.api.requests.preconditions import IfMatch, guard
from service.api.resources.jobs import check_holder, present
from service.api.resources.submissions.submission import body_digest, specify
from service.api.resources.submissions.unknown_types import warning_of
from service.api.responses import rendering
from service.api.responses.errors import KeyRestricted, ValidationFailed
from service.api.routes.router import Router
from service.api.schemas import jobs as job_schemas
from service.api.schemas import schedules as schemas
from service.api.schemas.parts.parameters import IdempotencyKey
from service.domain.callback import hide_query
from service.domain.errors import NotFound, VersionMismatch
from service.domain.job_spec import JobSpec
from service.domain.results import SubmitResult, Submitted
from service.domain.schedule import Schedule, TimetableInvalid, timetable
from service.store.jobs import Idempotency, Submission

router = Router(prefix="/v1/schedules", tags=["schedules"])

ScheduleName = Annotated[
    str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$", description="The schedule's name.")
]
ONE = {200: ("The schedule.", schemas.ScheduleOut)}
#: How often a change without If-Match is retried after another change came first.
ATTEMPTS = 5


def present_schedule(context: RequestContext, found: Schedule) -> dict[str, Any]:
    """The schedule, with its payload redacted for this caller like its jobs' payloads."""
    document = rendering.schedule(found)
    job = found.definition["job"]
    if "payload" in job:
        document["job"] = {**job, "payload": context.view_of_type(job["name"]).document(job["payload"])}
    if callback := job.get("callback"):
        document["job"] = {**document["job"], "callback": {**callback, "url": hide_query(callback["url"])}}
    return document


def respond(context: RequestContext, found: Schedule, status: int = 200, **more: str) -> Response:
    headers = {"ETag": rendering.etag(found.version), "Location": f"/v1/schedules/{found.name}", **more}
    return rendering.respond(present_schedule(context, found), status, headers)


async def read(context: RequestContext, name: str) -> Schedule:
    found = await context.namespace.schedules.get(name)
    if found is None or not is_visible(context, found):
        raise NotFound()
    return found


def is_visible(context: RequestContext, found: Schedule) -> bool:
    """Whether a restricted key may submit the jobs of the schedule."""
    if context.caller.reach is None:
        return True
    spec = resolve(context, found)
    return context.caller.sees(spec.queue, spec.name)


def resolve(context: RequestContext, found: Schedule) -> JobSpec:
    """The job of the schedule with the defaults of its type and queue."""
    types = context.namespace_state.types
    return found.job(types.known(found.definition["job"]["name"]), types.queue_defaults)


@router.get(
    "",
    name="list_schedules",
    **operation("schedules:read", "List schedules", {200: ("A page, by name.", schemas.SchedulePage)}),
)
async def list_schedules(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Every schedule with its next five fire times and its last runs."""
    page = await context.namespace.schedules.list(limit, cursor)
    return await rendering.page(
        (present_schedule(context, found) for found in page.items if is_visible(context, found)),
        page.next_cursor,
    )


@router.get("/{name}", name="get_schedule", **operation("schedules:read", "Read a schedule", ONE, (404,)))
async def get_schedule(name: ScheduleName, context: Context) -> Response:
    """The schedule with its next five fire times and its last runs, newest first."""
    return respond(context, await read(context, name))


@router.put(
    "/{name}",
    name="put_schedule",
    **operation(
        "schedules:write",
        "Create or replace a schedule",
        {200: ("Replaced.", schemas.ScheduleOut), 201: ("Created.", schemas.ScheduleOut)},
        (412, 413, 415, 429, 507),
    ),
)
async def put_schedule(
    name: ScheduleName, body: schemas.ScheduleIn, context: Context, if_match: IfMatch = None
) -> Response:
    """If the times stay the same, due fire times stay due; changed times count from now."""
    spec = await check_job(context, body)
    for attempt in range(ATTEMPTS):
        before, now = await context.namespace.schedules.read(name)
        if before is not None and not is_visible(context, before):
            raise KeyRestricted("A schedule of this name submits jobs to which the API key has no access.")
        guard(if_match, None if before is None else before.version)
        definition = body.definition()
        check_times(body, definition, before, now)
        try:
            await context.namespace.schedules.put(name, definition, body.paused, before, now, spec.queue)
        except VersionMismatch:
            if if_match is not None or attempt == ATTEMPTS - 1:
                raise
            continue
        warned = warning_of(context, (spec.name,))
        return respond(context, await read(context, name), 201 if before is None else 200, **warned)
    raise AssertionError("unreachable")


async def check_job(context: RequestContext, body: schemas.ScheduleIn) -> JobSpec:
    """Check the job like POST /v1/jobs; pointers of errors start at `/job`."""
    if body.job.run_at is not None:
        raise invalid("/job/run_at", "not allowed here; the schedule sets the time")
    if body.job.callback is not None:
        context.caller.require("jobs:write")
    return await specify(context, body.job, None, "/job")


def check_times(
    body: schemas.ScheduleIn, definition: dict[str, Any], before: Schedule | None, now: int
) -> None:
    if (body.cron is None) == (body.every_seconds is None):
        raise invalid("/cron", "set either cron or every_seconds")
    if body.start_at is not None and body.end_at is not None and body.end_at < body.start_at:
        raise invalid("/end_at", "is before start_at")
    wanted = timetable(definition, now if definition["start_ms"] is None else definition["start_ms"])
    try:
        wanted.check(now)
    except TimetableInvalid as error:
        raise invalid(f"/{error.field}", str(error)) from error
    # A client may repeat an unchanged definition even after the schedule has ended.
    again = before is not None and timetable(before.definition, 0) == timetable(definition, 0)
    if not again and wanted.next_after(now) is None:
        if definition["end_ms"] is None:
            raise invalid("/start_at", "comes after the last time of the schedule")
        over = definition["end_ms"] <= now
        raise invalid("/end_at", "has passed" if over else "is before the schedule's first fire time")


def invalid(pointer: str, message: str) -> ValidationFailed:
    return ValidationFailed(errors=[{"pointer": pointer, "code": "invalid", "message": message}])


@router.delete(
    "/{name}",
    name="delete_schedule",
    **operation("schedules:write", "Delete a schedule", {204: ("Deleted.", None)}, (404, 412)),
)
async def delete_schedule(name: ScheduleName, context: Context, if_match: IfMatch = None) -> Response:
    """Jobs it has started continue."""
    version = None
    if if_match is not None or context.caller.reach is not None:
        version = guard(if_match, (await read(context, name)).version)
    if not await context.namespace.schedules.delete(name, version):
        raise NotFound()
    return Response(status_code=204)


@router.post("/{name}/pause", name="pause_schedule", **operation("schedules:write", "Pause", ONE, (404,)))
async def pause_schedule(name: ScheduleName, context: Context) -> Response:
    """Stops firing until resumed. Fire times during the pause are not caught up."""
    return await change(context, name, paused=True)


@router.post("/{name}/resume", name="resume_schedule", **operation("schedules:write", "Resume", ONE, (404,)))
async def resume_schedule(name: ScheduleName, context: Context) -> Response:
    """Fires again from its next fire time."""
    return await change(context, name, paused=False)


async def change(context: RequestContext, name: str, *, paused: bool) -> Response:
    schedules = context.namespace.schedules
    for attempt in range(ATTEMPTS):
        found = await read(context, name)
        try:
            await (schedules.pause(found) if paused else schedules.resume(found))
        except VersionMismatch:
            if attempt == ATTEMPTS - 1:
                raise
            continue
        break
    return respond(context, await read(context, name))


@router.post(
    "/{name}/run-now",
    name="run_schedule_now",
    **operation(
        "schedules:write",
        "Start a run now",
        {
            202: ("The job.", job_schemas.JobOut),
            200: ("The job that holds the unique key.", job_schemas.JobOut),
        },
        (404, 409, 429, 507),
        status_code=202,
    ),
)
async def run_schedule_now(
    name: ScheduleName, request: Request, context: Context, idempotency_key: IdempotencyKey = None
) -> Response:
    """Starts a job now, even if paused. `overlap` applies: skip returns 409 until the last run finishes."""
    schedules = context.namespace.schedules
    job_id = context.app_state.ids.new("job")
    idempotency = None
    if idempotency_key is not None:
        # `keeps`: a retry must find the job even if the schedule has changed or no longer exists.
        digest = await body_digest(request)
        idempotency = Idempotency(f"POST {request.url.path}", idempotency_key, digest, keeps=True)
    for _ in range(ATTEMPTS):
        if idempotency is not None and (replay := await context.namespace.jobs.find_replay(idempotency)):
            return respond_to_run(context, replay)
        found = await read(context, name)
        context.app_state.memory.check(context.caller.namespace)
        spec = resolve(context, found)
        if found.definition["overlap"] == "replace":
            grace = context.app_state.settings.cancel_grace_seconds
            await schedules.replace_unfinished(found, round(grace * 1000), idempotency)
        submitted = await schedules.run_now(found, Submission(job_id, spec, idempotency))
        # None: the schedule has changed. Replayed: the same request was faster, so `find_replay` has its job.
        if submitted is not None and not submitted.replayed:
            return respond_to_run(context, submitted)
    raise VersionMismatch()


def respond_to_run(context: RequestContext, submitted: Submitted) -> Response:
    if (job := submitted.accepted().job) is None:
        raise NotFound()
    check_holder(context, submitted)
    headers = {"Location": f"/v1/jobs/{submitted.job_id}", "ETag": rendering.etag(job.version)}
    if submitted.replayed:
        headers["Idempotency-Replayed"] = "true"
    status = 200 if submitted.result is SubmitResult.EXISTING else 202
    return rendering.respond(present(context, job), status, headers)
