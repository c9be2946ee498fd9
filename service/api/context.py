"""The context of a request: the caller, with its scope checked, and the caller's namespace."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request

from service.api.auth.credentials import Authenticator, Caller
from service.api.auth.cross_origin import is_elsewhere
from service.api.auth.memory_shares import MemoryShares
from service.api.auth.reach import check_operation
from service.api.auth.throttle import WINDOW_SECONDS, Refusals, fingerprint
from service.api.duties import Duties
from service.api.job_types import KnownTypes
from service.api.metrics.api_metrics import ApiMetrics
from service.api.requests.body_budget import Bodies
from service.api.requests.long_polls import Waiting, hang_up_noticed
from service.api.requests.request_rates import RequestRate
from service.api.requests.stream_limits import Holder, Places, stream_places, waiter_places
from service.api.responses.errors import CredentialRefused, TooManyFailures, Unauthenticated
from service.api.responses.redaction import View
from service.clock import Clock
from service.domain.errors import NotFound, QuotaExceeded
from service.domain.ids import IdFactory
from service.domain.job import Job
from service.domain.record import record
from service.domain.tenant import NO_POLICY, Policy
from service.reachability import Reachability
from service.settings import Settings
from service.store.changes.subscriber import Subscriber
from service.store.namespace import Namespace
from service.store.redis.connect import RedisClient
from service.store.tenants.tenants import Tenants
from service.telemetry import logs
from service.telemetry.spans import Tracer

log = structlog.get_logger("triage.api")

#: Half of a process's connections.
MAX_STREAM_READS = 25
#: How long after its last request a process still runs the duties of a namespace, in seconds.
NAMESPACE_SECONDS = 600.0


@dataclass
class AppState:
    """Everything that outlives a request; one per application."""

    settings: Settings
    redis: RedisClient
    clock: Clock
    ids: IdFactory
    authenticator: Authenticator
    metrics: ApiMetrics
    bodies: Bodies
    tracer: Tracer | None = None
    stopping: bool = False
    #: The problem with Redis that the last probe found.
    redis_problem: str | None = None
    streams: Places = field(default_factory=stream_places)
    waiters: Places = field(default_factory=waiter_places)
    #: Limits concurrent reads of event streams: one change that many streams follow must not use all
    #: connections.
    stream_reads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_STREAM_READS))
    #: The longest time that an event stream of a namespace lasts, in seconds: it has no end on its own.
    feed_seconds: float = 3_600.0
    #: Work that continues after the response.
    background: set[asyncio.Future[Any]] = field(default_factory=set["asyncio.Future[Any]"])
    namespace_states: dict[str, "NamespaceState"] = field(default_factory=dict[str, "NamespaceState"])

    def __post_init__(self) -> None:
        self.refusals = Refusals(self.clock)
        self.subscriber = Subscriber(self.redis)
        self.tenants = Tenants(self.redis)
        self.memory = MemoryShares(self.redis)

    def stop(self) -> None:
        """Mark the process as not ready, and end all waits with the current state."""
        self.stopping = True
        for namespace_state in self.namespace_states.values():
            namespace_state.namespace.change_feed.release()

    def namespace_state(self, namespace: str) -> "NamespaceState":
        found = self.namespace_states.get(namespace)
        if found is None:
            settings = self.settings
            store = Namespace(
                self.redis, namespace, settings.dead_retention_ms, self.subscriber, settings.max_queues
            )
            known = KnownTypes(store.workers, store.queues, self.clock, lambda: self.tenants.find(namespace))
            found = NamespaceState(store, known, Reachability(self.clock), RequestRate(self.clock))
            self.namespace_states[namespace] = found
        found.used_at = self.clock.monotonic()
        return found

    def forget_idle_namespaces(self) -> None:
        """Forget namespaces without recent requests: tokens may name any number of them."""
        now = self.clock.monotonic()
        for namespace, namespace_state in list(self.namespace_states.items()):
            unused = (
                now - namespace_state.used_at > NAMESPACE_SECONDS
                and not namespace_state.namespace.change_feed.watched
            )
            if unused and namespace != self.settings.namespace:
                del self.namespace_states[namespace]
                self.metrics.http.forget(namespace)


@dataclass
class NamespaceState:
    """This process's state of one namespace."""

    namespace: Namespace
    types: KnownTypes
    reachability: Reachability
    rate: RequestRate
    #: Monotonic time.
    used_at: float = 0.0
    duties: Duties = field(default_factory=Duties)


@record
class RequestContext:
    """An authenticated and authorized request."""

    caller: Caller
    namespace_state: NamespaceState
    app_state: AppState
    request: Request

    @property
    def namespace(self) -> Namespace:
        return self.namespace_state.namespace

    @property
    def policy(self) -> Policy:
        return self.namespace_state.types.policy

    @contextlib.asynccontextmanager
    async def watch(self, id: str) -> AsyncGenerator[Waiting]:
        """Watch a job, group or bulk action for changes, and count as a waiting request meanwhile.

        Raises TooManyWaiters, TooManyWaitersOfKey, BackendUnavailable.
        """
        with self.app_state.waiters.place(self.holder, self.policy.quota("waits")):
            async with (
                hang_up_noticed(self.request.receive) as gone,
                self.namespace.change_feed.watch(id) as changed,
            ):
                yield Waiting(changed, gone, self.check)

    @property
    def holder(self) -> Holder:
        return self.caller.namespace, self.caller.key_id

    async def check(self) -> None:
        """Raises the error that the same request would get now."""
        caller = await self.app_state.authenticator.identify(self.request.headers.get("authorization"))
        caller.require(required_scope(self.request))

    def visible(self, job: Job | None) -> Job:
        """The job; raises NotFound if there is none, or none for a restricted key."""
        if job is None or not self.caller.sees(job.queue, job.name):
            raise NotFound()
        return job

    def view(self, job: Job) -> View:
        """This caller's view of the job."""
        return View.of_job(job, self.caller.sees_payloads, self._redactions(job.name, job.redact))

    def view_of_type(self, name: str, stored: tuple[str, ...] | None = None) -> View:
        """The same without payload and result; `stored` are the pointers stored with a job."""
        return View(self.caller.sees_payloads, self._redactions(name, stored))

    def _redactions(self, name: str, stored: tuple[str, ...] | None) -> tuple[str, ...] | None:
        # Both, since pointers may have been added to or removed from the job type after the submission.
        published = self.namespace_state.types.redactions(name)
        if (rules := self.policy.redact) and published is not None:
            published = tuple(dict.fromkeys((*published, *rules)))
        if (rules := self.policy.redact) and stored is not None:
            stored = tuple(dict.fromkeys((*stored, *rules)))
        if stored is None or published is None or stored == published:
            return published if stored is None else stored
        return tuple(dict.fromkeys((*stored, *published)))


def required_scope(request: Request) -> str:
    route: Any = request.scope["route"]
    return route.openapi_extra["x-required-scope"]


async def identify(request: Request) -> Caller:
    """Identify the caller. Logs and counts failures, and refuses addresses with many of them."""
    app_state: AppState = request.app.state.app_state
    header, address = request.headers.get("authorization"), logs.client_address(request.scope)
    try:
        if not app_state.authenticator.remembers(header):
            app_state.refusals.check(address)
        caller = await app_state.authenticator.identify(header)
    except TooManyFailures:
        app_state.metrics.http.refused("throttled")
        raise
    except CredentialRefused:
        app_state.metrics.http.refused("invalid")
        log.warning("credential_refused", client=address, credential=fingerprint(header or ""))
        if app_state.refusals.add(address):
            log.warning("credentials_throttled", client=address, seconds=WINDOW_SECONDS)
        raise
    log_caller(caller)
    return caller


def log_caller(caller: Caller) -> None:
    """Add the key or token to the log lines of this request."""
    if caller.logged_as is not None:
        logs.IDS.set({**logs.IDS.get({}), "key_id": caller.logged_as})


async def _request_context(request: Request) -> RequestContext:
    app_state: AppState = request.app.state.app_state
    # Without keys, anyone who can reach this address may do anything, including a page in a local browser.
    if app_state.settings.auth == "off" and is_elsewhere(request.headers):
        raise Unauthenticated("Without API keys, the API rejects requests from pages of another origin.")
    return await admit(app_state, await identify(request), request)


async def admit(app_state: AppState, caller: Caller, request: Request) -> RequestContext:
    """Raises ScopeMissing if the caller lacks the scope."""
    # Set before the scope check, so that the namespace's metrics also count refused requests.
    request.scope.setdefault("state", {})["namespace"] = caller.namespace
    caller.require(required_scope(request))
    check_operation(caller, request.scope["route"].name)
    namespace_state = app_state.namespace_state(caller.namespace)
    if not namespace_state.types.fresh:
        await namespace_state.types.load()
    if namespace_state.types.policy is not NO_POLICY:
        count_request(namespace_state, request)
    return RequestContext(caller, namespace_state, app_state, request)


def count_request(namespace_state: NamespaceState, request: Request) -> None:
    """Once per request, which the lane may pass on. Raises QuotaExceeded."""
    state = request.scope["state"]
    if "rate_limit" not in state:
        try:
            state["rate_limit"] = namespace_state.rate.take(namespace_state.types.policy)
        except QuotaExceeded as error:
            state["rate_limit"] = error.headers
            raise


async def request_context(request: Request) -> RequestContext:
    """Created once per request: `checked_route.py` needs it before reading the body, and later the route."""
    state: dict[str, Any] = request.scope.setdefault("state", {})
    if "request_context" not in state:
        state["request_context"] = await _request_context(request)
    return state["request_context"]


Context = Annotated[RequestContext, Depends(request_context)]
