"""Serves ordinary requests for hot operations in one function, instead of routing and five middlewares.

It passes every other request on to the application before it has had any effect, so that each kind of refusal
is implemented once.
"""

from collections.abc import Mapping
from functools import lru_cache
from time import perf_counter
from typing import Any

from fastapi import FastAPI, Response
from fastapi.routing import APIRoute
from starlette.requests import Request

from service.api.auth.credentials import Caller
from service.api.context import AppState, RequestContext, admit, log_caller
from service.api.lane.arriving_body import ArrivingBody
from service.api.lane.hot_operation import HotOperation, NotOrdinary
from service.api.openapi.operation import is_hot
from service.api.requests.allowed_hosts import AllowedHosts
from service.api.requests.body_budget import Held
from service.api.requests.limits import one_job
from service.api.requests.middleware import App, Outgoing, Receive, Scope, Send, begin, note
from service.api.requests.streamed_items import read_document
from service.api.responses import problems
from service.domain.errors import TriageError

#: Far below the limits in HeaderLimits.
_MAX_HEADERS, _MAX_HEAD_BYTES = 40, 8_192
#: The application decides how to treat them.
_UNUSUAL = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_JSON = frozenset(
    {b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"}
)
_NO_PATH: Mapping[str, str] = {}


class Lane:
    """Plain ASGI in front of the application, for HTTP."""

    def __init__(self, app: FastAPI, rest: App, app_state: AppState, hosts: AllowedHosts | None) -> None:
        """`rest` serves all other requests. `hosts` are the allowed hosts of an API without keys."""
        self._app = app
        self._rest = rest
        self._app_state = app_state
        self._allows = None if hosts is None else lru_cache(64)(hosts.allows)
        self._seconds = app_state.settings.request_seconds
        self._job_bytes = one_job(app_state.settings)
        routes = (route for route in app.routes if isinstance(route, APIRoute) and is_hot(route.endpoint))
        self.operations = [HotOperation(route, app_state.settings) for route in routes]
        self._exact = {(hot.method, hot.route.path): hot for hot in self.operations if not hot.has_template}
        self._templates = [hot for hot in self.operations if hot.has_template]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            hot, path = self._find(scope)
            headers = self._headers(scope, hot)
            caller = self._caller(headers)
            arguments = hot.arguments(path, scope["query_string"], headers)
        except NotOrdinary:
            return await self._rest(scope, receive, send)
        app_state, ordinary = self._app_state, True
        began = perf_counter()
        scope["app"], scope["route"] = self._app, hot.route
        outgoing = Outgoing(send, begin(scope, headers, app_state.ids.new), scope["state"])
        body, request = ArrivingBody(receive), Request(scope, receive)
        try:
            with app_state.bodies.hold(caller.namespace, large=hot.has_many) as held:
                try:
                    log_caller(caller)
                    context = await admit(app_state, caller, request)
                    if hot.body is not None:
                        arguments[hot.body.argument] = await self._read(hot, body, request, held)
                except (NotOrdinary, TriageError):
                    ordinary = False
                else:
                    response = await _respond(hot, arguments, request, context)
                    await outgoing.respond(response, scope, receive)
        except BaseException as error:
            await outgoing.fail(error, scope, receive)
        finally:
            if ordinary:
                note(scope, outgoing.status, perf_counter() - began)
                self._count(hot, caller, headers, outgoing, began)
        if not ordinary:
            await self._rest(scope, receive if hot.body is None else body.replay, send)

    def _find(self, scope: Scope) -> tuple[HotOperation, Mapping[str, str]]:
        method, path = scope["method"], scope["path"]
        if (hot := self._exact.get((method, path))) is not None:
            return hot, _NO_PATH
        for hot in self._templates:
            if hot.method == method and (found := hot.pattern.fullmatch(path)) is not None:
                return hot, found.groupdict()
        raise NotOrdinary

    def _headers(self, scope: Scope, hot: HotOperation) -> Mapping[bytes, bytes]:
        rows: list[tuple[bytes, bytes]] = scope["headers"]
        headers = dict(rows)
        if len(headers) != len(rows) or len(rows) > _MAX_HEADERS or not _UNUSUAL.isdisjoint(headers):
            raise NotOrdinary
        size = sum(map(len, headers)) + sum(map(len, headers.values())) + len(scope["query_string"])
        if size > _MAX_HEAD_BYTES or scope.get("root_path") or self._app_state.stopping:
            raise NotOrdinary
        if self._allows is not None and (
            b"origin" in headers or not self._allows(headers.get(b"host", b"").decode("latin-1"))
        ):
            raise NotOrdinary
        if hot.body is not None:
            length = headers.get(b"content-length", b"")
            if headers.get(b"content-type") not in _JSON or not length.isdigit():
                raise NotOrdinary
            if len(length) > 12 or not 0 < int(length) <= hot.body_limit:
                raise NotOrdinary
        return headers

    def _caller(self, headers: Mapping[bytes, bytes]) -> Caller:
        given = headers.get(b"authorization")
        caller = self._app_state.authenticator.recall(None if given is None else given.decode("latin-1"))
        if caller is None:
            raise NotOrdinary
        return caller

    async def _read(self, hot: HotOperation, body: ArrivingBody, request: Request, held: Held) -> Any:
        """The body's model. Raises NotOrdinary or a TriageError if the application would refuse it."""
        assert hot.body is not None
        text = await body.read(hot.body_limit, self._seconds, held)
        request._body = text  # type: ignore[assignment]  # never modified
        return hot.body.read(await read_document(text, hot.route.name, self._job_bytes))

    def _count(
        self,
        hot: HotOperation,
        caller: Caller,
        headers: Mapping[bytes, bytes],
        outgoing: Outgoing,
        began: float,
    ) -> None:
        seconds = max(outgoing.started_at - began, 0.0) if outgoing.started else 0.0
        status = outgoing.status if outgoing.started else 500
        key = (hot.method, f"{status // 100}xx", hot.route.path)
        received = int(headers.get(b"content-length", 0))
        self._app_state.metrics.http.count(caller.namespace, key, received, outgoing.size, seconds)


async def _respond(
    hot: HotOperation, arguments: dict[str, Any], request: Request, context: RequestContext
) -> Response:
    try:
        return await hot.call(arguments, request, context)
    except TriageError as error:
        return await problems.of_request(request, error)
