"""An operation that the lane serves, derived from its FastAPI route, its only declaration."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from service.api.context import RequestContext, request_context
from service.api.requests.limits import body_limit
from service.api.requests.streamed_items import MANY
from service.settings import Settings


class NotOrdinary(Exception):
    """The application must serve this request."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an endpoint; `read` raises NotOrdinary for a value that the application would refuse."""

    argument: str
    name: str
    validate: Callable[..., tuple[Any, list[Any]]]

    def read(self, value: Any) -> Any:
        found, errors = self.validate(value)
        if errors:
            raise NotOrdinary
        return found


@dataclass(frozen=True, slots=True)
class Body:
    argument: str
    validate: Callable[..., Any]

    def read(self, document: Any) -> Any:
        """Raises NotOrdinary for a document that the application would refuse."""
        try:
            return self.validate(document, from_attributes=True)
        except ValidationError:
            raise NotOrdinary from None


class HotOperation:
    """How the lane checks and calls the endpoint of a route."""

    def __init__(self, route: APIRoute, settings: Settings) -> None:
        self.route = route
        self.method = sorted(route.methods or ())[0]
        self.pattern = re.compile(route.path_regex.pattern.removesuffix("$"))
        self.has_template = bool(route.param_convertors)
        self.endpoint: Callable[..., Awaitable[Response]] = route.endpoint
        self.body_limit = body_limit(route.name, settings)
        self.has_many = route.name in MANY
        dependant = route.dependant
        self._path = list(_parameters(dependant.path_params))
        self._query = {parameter.name: parameter for parameter in _parameters(dependant.query_params)}
        self._headers = [
            (parameter.name.encode(), parameter) for parameter in _parameters(dependant.header_params)
        ]
        self._request = dependant.request_param_name
        self._context = _only_context(route)
        self.body: Body | None = None
        for field in dependant.body_params:
            model = field.field_info.annotation
            if not (isinstance(model, type) and issubclass(model, BaseModel)):
                raise ValueError(f"the lane cannot read the body of {route.name}")
            self.body = Body(field.name, model.__pydantic_validator__.validate_python)

    def arguments(
        self, path: Mapping[str, str], query: bytes, headers: Mapping[bytes, bytes]
    ) -> dict[str, Any]:
        """The arguments from path, query and headers. Raises NotOrdinary."""
        found: dict[str, Any] = {}
        for parameter in self._path:
            found[parameter.argument] = parameter.read(path[parameter.name])
        if query:
            parameter, text = self._query_parameter(query)
            found[parameter.argument] = parameter.read(text)
        for name, parameter in self._headers:
            value = headers.get(name)
            if value is not None:
                found[parameter.argument] = parameter.read(value.decode("latin-1"))
        return found

    def call(
        self, arguments: dict[str, Any], request: Request, context: RequestContext
    ) -> Awaitable[Response]:
        if self._request is not None:
            arguments[self._request] = request
        arguments[self._context] = context
        return self.endpoint(**arguments)

    def _query_parameter(self, query: bytes) -> tuple[Parameter, str]:
        found = _ONE_PARAMETER.fullmatch(query)
        parameter = None if found is None else self._query.get(found[1].decode())
        if found is None or parameter is None:
            raise NotOrdinary
        return parameter, found[2].decode()


#: A single parameter without percent encoding.
_ONE_PARAMETER = re.compile(rb"([a-z_]+)=([A-Za-z0-9._-]+)")


def _parameters(fields: Iterable[Any]) -> Iterable[Parameter]:
    return (Parameter(field.name, field.alias, field.validate) for field in fields)


def _only_context(route: APIRoute) -> str:
    """The name of the context argument. Raises ValueError if the endpoint needs anything else."""
    dependant: Dependant = route.dependant
    names = [child.name for child in dependant.dependencies if child.call is request_context]
    others = (
        dependant.cookie_params
        or dependant.websocket_param_name
        or dependant.http_connection_param_name
        or dependant.response_param_name
        or dependant.background_tasks_param_name
        or len(dependant.dependencies) != 1
        or len(dependant.body_params) > 1
    )
    if others or not names or names[0] is None:
        raise ValueError(f"the lane cannot call {route.name}")
    return names[0]
