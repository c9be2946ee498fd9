"""Workers and what they can run."""

from typing import Annotated

from fastapi import Path, Query, Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas import operators as schemas
from service.domain.errors import NotFound

router = Router(prefix="/v1", tags=["workers"])

WorkerId = Annotated[str, Path(pattern=r"^wk_[0-7][0-9A-HJKMNP-TV-Z]{25}$", description="The worker's ID.")]


@router.get(
    "/workers",
    name="list_workers",
    **operation("workers:read", "List workers", {200: ("A page, newest first.", schemas.WorkerPage)}),
)
async def list_workers(
    context: Context,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> Response:
    """Worker processes as of their last heartbeat. A worker is lost one second after its lease expires."""
    page = await context.namespace.workers.list(limit, cursor)
    return await rendering.page((rendering.worker(record) for record in page.items), page.next_cursor)


@router.get(
    "/workers/{worker_id}",
    name="get_worker",
    **operation("workers:read", "Read a worker", {200: ("The worker.", schemas.WorkerOut)}, (404,)),
)
async def get_worker(worker_id: WorkerId, context: Context) -> Response:
    """A worker process as of its last heartbeat."""
    record = await context.namespace.workers.get(worker_id)
    if record is None:
        raise NotFound()
    return rendering.respond(rendering.worker(record))


@router.post(
    "/workers/{worker_id}/drain",
    name="drain_worker",
    **operation("workers:admin", "Drain a worker", {202: ("Requested.", schemas.WorkerOut)}, (404,)),
)
async def drain_worker(worker_id: WorkerId, context: Context) -> Response:
    """The worker claims no more jobs, finishes running ones or hands them back, and exits."""
    if not await context.namespace.workers.request_drain(worker_id):
        raise NotFound()
    record = await context.namespace.workers.get(worker_id)
    if record is None:
        raise NotFound()
    return rendering.respond(rendering.worker(record), 202)


@router.get(
    "/job-types",
    name="list_job_types",
    **operation("workers:read", "List job types", {200: ("By name.", schemas.JobTypePage)}),
)
async def list_job_types(context: Context) -> Response:
    """Job types that live workers know, with the schemas that validate payloads."""
    rows = [
        {
            "name": job_type.name,
            "object": "job_type",
            "description": job_type.description,
            "executor": job_type.executor,
            "concurrency": job_type.concurrency,
            "payload_schema": job_type.payload_schema,
            "defaults": dict(job_type.defaults),
            "redact": list(job_type.redact),
        }
        for job_type in await context.namespace.workers.job_types()
    ]
    return await rendering.page(rows, None)
