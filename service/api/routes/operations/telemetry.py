"""Numbers for programs: Prometheus scrapes them, KEDA scales workers by them."""

from typing import Annotated

from fastapi import Depends, Query, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST

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
    """The namespace of the caller's key; with TRIAGE_METRICS_OPEN, that of TRIAGE_NAMESPACE."""
    app_state: AppState = request.app.state.app_state
    if app_state.settings.metrics_open:
        return app_state.namespace_state(app_state.settings.namespace).stores
    caller = await identify(request)
    request.scope.setdefault("state", {})["namespace"] = caller.namespace
    caller.require("metrics:read")
    return app_state.namespace_state(caller.namespace).stores


Observed = Annotated[Namespace, Depends(_observed)]


@router.get(
    "/metrics",
    name="metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses={
        200: {
            "description": "The text format of Prometheus.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problem_responses(401, 403, 500, 503),
    },
    openapi_extra={"x-required-scope": "metrics:read", "security": [{"apiKey": []}]},
)
async def metrics(request: Request, stores: Observed) -> Response:
    """Requests to this process and queues, both of the caller's namespace.

    With TRIAGE_METRICS_OPEN: the requests of all namespaces, and the queues of TRIAGE_NAMESPACE.
    """
    app_state: AppState = request.app.state.app_state
    text = await app_state.metrics.exposition(app_state.redis, stores, whole=app_state.settings.metrics_open)
    return Response(text, media_type=CONTENT_TYPE_LATEST)


@router.get(
    "/internal/autoscale",
    name="read_autoscale",
    **operation("metrics:read", "How much work a queue has", {200: ("The numbers.", AutoscaleOut)}),
)
async def read_autoscale(
    stores: Observed, queue: Annotated[str, Query(pattern=NAME.pattern, description="Name of a queue.")]
) -> Response:
    """For KEDA's metrics-api scaler: `value` divided by the concurrency of a worker is the workers needed.

    It is the running jobs, so that a queue which is being worked off does not lose its workers, and those
    that can start within 30 s: pauses, freezes and limits keep jobs out of it. A queue that was never used
    has the value 0.
    """
    demand = await stores.queue_metrics.demand(queue, HORIZON_MS)
    return rendering.respond(
        {
            "queue": queue,
            "value": demand.jobs,
            "queued": demand.queued,
            "running": demand.running,
            "due": demand.due,
            "startable": demand.startable,
            "paused": demand.paused,
        }
    )
