"""The application: routers, error format, limits, and everything with its lifetime."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator

from service.api.auth.credentials import Authenticator
from service.api.auth.issuer import Issuer
from service.api.auth.tokens import Tokens
from service.api.background import duties
from service.api.context import AppState
from service.api.lane.lane import Lane
from service.api.metrics.api_metrics import ApiMetrics
from service.api.openapi.document import describe
from service.api.requests.allowed_hosts import AllowedHosts
from service.api.requests.body_budget import Bodies
from service.api.requests.limits import HeaderLimits, largest_body
from service.api.requests.middleware import Receive, RequestIds, Scope, Send
from service.api.responses import problems
from service.api.routes.groups import fan_out_actions, fan_out_items, fan_outs, flow_actions, flows
from service.api.routes.jobs import (
    bulk_actions,
    bulk_jobs,
    dead_letter_groups,
    dead_letters,
    explanations,
    job_actions,
    jobs,
)
from service.api.routes.operations import (
    audits,
    event_feed,
    events,
    health,
    pages,
    queues,
    schedules,
    stats,
    telemetry,
    workers,
)
from service.api.routes.tenants import api_keys, namespaces
from service.api.routes.webhooks import deliveries, webhooks
from service.api.time_slices import in_progress
from service.clock import Clock
from service.domain.ids import IdFactory
from service.settings import Settings
from service.store.redis.connect import RedisClient
from service.store.tenants.access_keys import AccessKeys
from service.tasks import end
from service.telemetry.tracer import find_tracer
from service.version import VERSION


class Application(FastAPI):
    """FastAPI, with the lane in front of it; without the lane it is only slower."""

    lane: Lane | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.lane is None or scope["type"] != "http":
            return await super().__call__(scope, receive, send)
        with in_progress.request():
            await self.lane(scope, receive, send)


def create_app(settings: Settings, redis: RedisClient, clock: Clock, ids: IdFactory) -> Application:
    """Build the application. It does not close the connection, which belongs to the caller."""
    keys = AccessKeys(redis)
    namespace = settings.namespace if settings.auth == "off" else None
    metrics = ApiMetrics(settings.namespace)
    tokens = None
    if namespace is None and settings.jwt_issuer:
        tokens = Tokens(settings, Issuer(settings.jwt_jwks_url, clock), clock)
    authenticator = Authenticator(keys, clock, namespace, tokens)
    bodies = Bodies(largest_body(settings))
    app_state = AppState(settings, redis, clock, ids, authenticator, metrics, bodies, find_tracer())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        app_state.namespace_state(settings.namespace)
        tasks = [asyncio.create_task(duty) for duty in duties(app_state)]
        if tokens is not None:
            tasks.append(asyncio.create_task(tokens.issuer.keep_fresh()))
        try:
            yield
        finally:
            app_state.stopping = True
            await end(tasks)
            if tokens is not None:
                await tokens.issuer.close()
            for namespace_state in app_state.namespace_states.values():
                await namespace_state.types.close()
                await namespace_state.namespace.event_log.close()
            await app_state.subscriber.close()

    app = Application(
        title="Triage",
        version=VERSION,
        summary="Job orchestration over HTTP",
        lifespan=lifespan,
        # FastAPI's page loads scripts from a CDN; `pages` serves one that does not.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # FastAPI's own tracing records messages of errors, which may quote a payload.
        telemetry={"logs": False, "operation_spans": False},
    )
    app.state.app_state = app_state
    for module in (
        jobs, bulk_jobs, job_actions, explanations, flows, flow_actions, fan_outs, fan_out_items,
        fan_out_actions, events, event_feed, queues, stats, audits, dead_letter_groups, dead_letters,
        bulk_actions, schedules, webhooks, deliveries, workers, health, telemetry, api_keys, namespaces,
    ):  # fmt: skip
        app.router.routes.extend(module.router.routes)
    app.router.routes.extend(pages.pages_router(settings).routes)
    problems.install(app)
    app.add_middleware(HeaderLimits)
    names = (settings.host, *settings.allowed_host_names)
    if settings.auth == "off":
        app.add_middleware(AllowedHosts, names=names)
    app.add_middleware(RequestIds, new_id=ids.new, clock=clock.monotonic)
    instrumentator = Instrumentator(
        registry=CollectorRegistry(),
        excluded_handlers=["/metrics", "/livez", "/readyz"],
        should_exclude_streaming_duration=True,
    )
    instrumentator.add(metrics.http.observe)
    instrumentator.instrument(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    # With tracing, FastAPI starts a span for each request.
    if app_state.tracer is None:
        hosts = AllowedHosts(app, names) if settings.auth == "off" else None
        app.lane = Lane(app, functools.partial(FastAPI.__call__, app), app_state, hosts)
    return app
