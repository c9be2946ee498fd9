"""The lane reads its operations from the routes, and refuses at start-up what it could not call."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import pytest
from fastapi import Cookie, FastAPI, Query, Request, Response
from fastapi.routing import APIRoute

from service.api import app as app_module
from service.api.context import Context
from service.api.lane.hot_operation import HotOperation, NotOrdinary
from service.api.schemas.parts.parameters import JobId
from service.settings import Settings
from service.store.namespace import Namespace
from tests.api.client import Api

NAMES = {"add_fan_out_items", "create_job", "create_jobs", "get_job"}


def operation(endpoint: Callable[..., Awaitable[Any]], path: str = "/x/{job_id}") -> HotOperation:
    app = FastAPI()
    app.get(path)(endpoint)
    route = app.routes[-1]
    assert isinstance(route, APIRoute)
    return HotOperation(route, Settings())


async def test_the_operations_of_the_lane_are_in_the_document(api: Api) -> None:
    assert api.app.lane is not None
    document = api.app.openapi()
    found = {
        hot.route.name: document["paths"][hot.route.path][hot.method.lower()]
        for hot in api.app.lane.operations
    }
    assert {row["operationId"] for row in found.values()} == set(found) == NAMES


async def test_arguments_are_those_that_the_route_declares(api: Api) -> None:
    async def endpoint(
        request: Request, job_id: JobId, context: Context, wait: Annotated[float | None, Query(le=3)] = None
    ) -> Response:
        return Response(f"{request} {job_id} {context} {wait}")

    hot, id = operation(endpoint), f"job_0{'A' * 25}"
    arguments = hot.arguments({"job_id": id}, b"wait=2.5", {})
    assert arguments == {"job_id": id, "wait": 2.5}
    request, context = "a request", "its context"
    response = await hot.call(arguments, request, context)  # type: ignore[arg-type]
    assert response.body == f"a request {id} its context 2.5".encode()
    for path, query in (
        (id.lower(), b""),
        (id, b"wait=4"),
        (id, b"weight=1"),
        (id, b"wait=1&wait=1"),
        (id, b"wait"),
    ):
        with pytest.raises(NotOrdinary):
            hot.arguments({"job_id": path}, query, {})


async def _without_context(job_id: str) -> None: ...
async def _with_cookie(job_id: str, context: Context, cookie: Annotated[str, Cookie()]) -> None: ...
async def _with_response(job_id: str, context: Context, response: Response) -> None: ...


@pytest.mark.parametrize("endpoint", [_without_context, _with_cookie, _with_response])
def test_what_the_lane_cannot_give_to_an_endpoint_is_an_error(
    endpoint: Callable[..., Awaitable[Any]],
) -> None:
    with pytest.raises(ValueError, match="the lane cannot call"):
        operation(endpoint)


async def test_where_spans_are_exported_there_is_no_lane(
    store: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis, namespace = store.scripts.redis, store.scripts.namespace
    assert Api(redis, namespace).app.lane is not None
    monkeypatch.setattr(app_module, "find_tracer", object)
    assert Api(redis, namespace).app.lane is None
