"""Explains why a job is in its state."""

from fastapi import Response

from service.api.context import Context
from service.api.openapi.operation import operation
from service.api.resources.jobs import check_visible
from service.api.responses import rendering
from service.api.responses.explanations import explanation
from service.api.routes.router import Router
from service.api.schemas import explanations as schemas
from service.api.schemas.parts.parameters import JobId
from service.domain.errors import NotFound

router = Router(prefix="/v1/jobs/{job_id}", tags=["jobs"])


@router.get(
    "/explain",
    name="explain_job",
    **operation(
        "jobs:read",
        "Explain a job's state",
        {200: ("The reasons that apply now.", schemas.ExplanationOut)},
        (404,),
    ),
)
async def explain_job(job_id: JobId, context: Context) -> Response:
    """Says why a job is in its state and what it waits for, with every reason that applies. Read-only."""
    await check_visible(context, job_id)
    found = await context.namespace.explanations.of(job_id)
    if found is None:
        raise NotFound()
    return rendering.respond(explanation(*found))
