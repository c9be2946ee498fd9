"""Probes."""

import structlog
from fastapi import Request, Response

from service.api.context import Backend
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas.operators import HealthOut
from service.store.redis.server_check import find_problem

log = structlog.get_logger("triage.health")
router = Router(tags=["health"])

_UNHEALTHY = {"description": "Not now.", "model": HealthOut}


@router.get("/livez", name="livez", summary="Is the process alive?", response_model=HealthOut)
async def livez() -> Response:
    """Never asks Redis: restarting this process would not bring it back."""
    return rendering.respond({"status": "ok", "problem": None})


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
    return rendering.respond(document, 200 if problem is None else 503)


async def _problem(backend: Backend) -> str | None:
    if backend.stopping:
        return "shutting down"
    problem = await find_problem(backend.redis, backend.settings.redis_url)
    if problem is None:
        backend.redis_problem = None
        return None
    if problem.sentence != backend.redis_problem:
        # Probes ask often and are read by anybody: the host and the server's word go into the log, once.
        log.warning("redis_not_usable", problem=problem.sentence)
        backend.redis_problem = problem.sentence
    return f"redis: {problem.summary}"
