"""Checks requests in order: credentials, scope, parameters, and the body last."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from service.api.context import AppState, request_context
from service.api.requests.limits import body_limit, one_job, read_body
from service.api.requests.streamed_items import MANY, read_document
from service.api.responses.allowed_methods import is_literal
from service.api.responses.errors import UnknownParameter, UnsupportedMediaType, ValidationFailed
from service.domain.similar import did_you_mean

#: The most rows of errors in a response.
_MAX_ROWS = 20
_SHOWN = 64


class StrictRoute(APIRoute):
    """Runs the cheapest checks first: key, scope, parameters, type and size of the body, JSON, schema.

    It accepts only application/json, parses it strictly, and applies the size limit of the operation.
    """

    def get_route_handler(self) -> Any:
        handle = super().get_route_handler()
        needs_caller = _needs_caller(self.dependant)
        parameters = dict(_query_parameters(self.dependant))
        # Operations without a 422 are for probes and scrapers, which may add any parameter.
        refuses = 422 in self.responses

        async def strict(request: Request) -> Response:
            app_state: AppState = request.app.state.app_state
            settings = app_state.settings
            context = await request_context(request) if needs_caller else None
            if refuses:
                _check_parameters(request, parameters)
            if context is None or not _has_body(request):
                return await handle(request)
            with app_state.bodies.hold(context.caller.namespace, large=self.name in MANY) as held:
                if (
                    request.headers.get("content-type", "").split(";")[0].strip().lower()
                    != "application/json"
                ):
                    raise UnsupportedMediaType()
                limit = body_limit(self.name, settings)
                body = await read_body(request, limit, settings.request_seconds, held)
                # FastAPI would have its own format for errors in a body, and would treat null as no body.
                document = await read_document(body, self.name, one_job(settings))
                request._body, request._json = body, document  # type: ignore[assignment]  # never modified
                return await handle(request)

        return strict


def _has_body(request: Request) -> bool:
    if request.method not in ("POST", "PUT", "PATCH"):
        return False
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def _needs_caller(dependant: Dependant) -> bool:
    return dependant.call is request_context or any(_needs_caller(child) for child in dependant.dependencies)


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, bool]]:
    """The name of each parameter, and whether it may be repeated."""
    for field in dependant.query_params:
        annotation = field.field_info.annotation
        yield field.alias, any(get_origin(type_) is list for type_ in (annotation, *get_args(annotation)))
    for child in dependant.dependencies:
        yield from _query_parameters(child)


def _is_hidden(request: Request) -> bool:
    """Whether this template has caught a literal path, whose other methods the response to it names."""
    path, route = request.url.path, request.scope.get("route")
    return getattr(route, "path", path) != path and is_literal(request.app.routes, path)


def _check_parameters(request: Request, known: Mapping[str, bool]) -> None:
    """Refuse unknown and repeated parameters: a misspelt filter must not match everything."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    if unknown := [name for name in given if name not in known]:
        if _is_hidden(request):
            return
        names = ", ".join(sorted(known)) or "none"
        raise UnknownParameter(
            errors=[
                {
                    "pointer": name[:_SHOWN],
                    "code": UnknownParameter.code,
                    "message": f"unknown query parameter{did_you_mean(name, known)}"
                    f" (this operation accepts: {names})",
                }
                for name in unknown[:_MAX_ROWS]
            ]
        )
    if repeated := [name for name, count in given.items() if count > 1 and not known[name]]:
        raise ValidationFailed(
            errors=[
                {"pointer": name, "code": "repeated", "message": "give this parameter only once"}
                for name in repeated
            ]
        )
