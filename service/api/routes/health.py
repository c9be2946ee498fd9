"""Probes."""

from fastapi import Request, Response

from service.api import render
from service.api.deps import Backend
from service.api.router import Router
from service.api.schemas.operators import HealthOut
from service.domain.errors import TriageError
from service.store.connect import eviction_policy

router = Router(tags=["health"])

_UNHEALTHY = {"description": "Not now.", "model": HealthOut}


@router.get("/livez", name="livez", summary="Is the process alive?", response_model=HealthOut)
async def livez() -> Response:
    """Never asks Redis: restarting this process would not bring it back."""
    return render.respond({"status": "ok", "problem": None})


@router.get(
    "/readyz",
    name="readyz",
    summary="Can requests be served?",
    response_model=HealthOut,
    responses={503: _UNHEALTHY},
)
async def readyz(request: Request) -> Response:
    """Ready when Redis answers and its maxmemory-policy is noeviction."""
    backend: Backend = request.app.state.backend
    problem = await _problem(backend)
    document = {"status": "ok" if problem is None else "failing", "problem": problem}
    return render.respond(document, 200 if problem is None else 503)


async def _problem(backend: Backend) -> str | None:
    if backend.stopping:
        return "shutting down"
    try:
        policy = await eviction_policy(backend.redis)
    except TriageError as error:
        return f"redis: {error.message}"
    if policy != "noeviction":
        return f"redis: maxmemory-policy is {policy} and must be noeviction"
    return None
