"""Probes."""

import structlog
from fastapi import Request, Response

from service.api.context import AppState
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas.operators import HealthOut
from service.store.redis.server_check import find_problem

log = structlog.get_logger("triage.health")
router = Router(tags=["health"])

_UNHEALTHY = {"description": "Not ready.", "model": HealthOut}


@router.get("/livez", name="livez", summary="Is the process alive?", response_model=HealthOut)
async def livez() -> Response:
    """Does not check Redis: restarting this process would not fix it."""
    return rendering.respond({"status": "ok", "problem": None})


@router.get(
    "/readyz",
    name="readyz",
    summary="Is the API ready for requests?",
    response_model=HealthOut,
    responses={503: _UNHEALTHY},
)
async def readyz(request: Request) -> Response:
    """Ready when Redis responds and its maxmemory-policy is noeviction."""
    app_state: AppState = request.app.state.app_state
    problem = await _problem(app_state)
    document = {"status": "ok" if problem is None else "failing", "problem": problem}
    return rendering.respond(document, 200 if problem is None else 503)


async def _problem(app_state: AppState) -> str | None:
    if app_state.stopping:
        return "shutting down"
    problem = await find_problem(app_state.redis, app_state.settings.redis_url)
    if problem is None:
        app_state.redis_problem = None
        return None
    if problem.sentence != app_state.redis_problem:
        # Probes are frequent and public, so the host and the server's message go into the log, and only once.
        log.warning("redis_not_usable", problem=problem.sentence)
        app_state.redis_problem = problem.sentence
    return f"redis: {problem.summary}"
