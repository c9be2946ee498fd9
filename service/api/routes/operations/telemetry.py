"""Numbers for programs: Prometheus scrapes them, KEDA scales workers by them."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from service.api.auth.reach import check_operation
from service.api.context import AppState, identify
from service.api.openapi.operation import operation, problem_responses
from service.api.responses import rendering
from service.api.routes.router import Router
from service.api.schemas.operators import AutoscaleOut
from service.domain.job_spec import NAME
from service.store.namespace import Namespace

router = Router(tags=["telemetry"])

#: Milliseconds: about the time from KEDA's question to a new worker that runs jobs.
HORIZON_MS = 30_000


async def _observed(request: Request) -> Namespace:
    """The namespace of the caller's key; with TRIAGE_METRICS_OPEN, TRIAGE_NAMESPACE."""
    app_state: AppState = request.app.state.app_state
    if app_state.settings.metrics_open:
        return app_state.namespace_state(app_state.settings.namespace).namespace
    caller = await identify(request)
    request.scope.setdefault("state", {})["namespace"] = caller.namespace
    caller.require("metrics:read")
    check_operation(caller, request.scope["route"].name)
    if caller.reach is not None:
        caller.require_reach(request.query_params.get("queue"), None)
    return app_state.namespace_state(caller.namespace).namespace


Observed = Annotated[Namespace, Depends(_observed)]


@router.get(
    "/metrics",
    name="metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        200: {
            "description": "Metrics in Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 500, 503),
    },
    openapi_extra={"x-required-scope": "metrics:read", "security": [{"apiKey": []}]},
)
async def metrics(request: Request, namespace: Observed) -> Response:
    """Metrics of requests to this process and of queues, both for the caller's namespace.

    With TRIAGE_METRICS_OPEN, covers requests of all namespaces and queues of TRIAGE_NAMESPACE.
    """
    app_state: AppState = request.app.state.app_state
    text = await app_state.metrics.exposition(
        app_state.redis, namespace, whole=app_state.settings.metrics_open
    )
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/internal/autoscale",
    name="read_autoscale",
    **operation("metrics:read", "Measure a queue's load", {200: ("The metrics.", AutoscaleOut)}),
)
async def read_autoscale(
    namespace: Observed, queue: Annotated[str, Query(pattern=NAME.pattern, description="The queue's name.")]
) -> Response:
    """For KEDA's metrics-api scaler: `value` divided by a worker's concurrency is how many workers you need.

    The value counts running jobs, so that a busy queue keeps its workers, and jobs that can start within 30
    s. It excludes jobs held back by pauses, freezes and limits. It is 0 for a queue that was never used.
    """
    load = await namespace.queue_metrics.load(queue, HORIZON_MS)
    return rendering.respond(
        {
            "queue": queue,
            "value": load.jobs,
            "queued": load.queued,
            "running": load.running,
            "due": load.due,
            "startable": load.startable,
            "paused": load.paused,
        }
    )
