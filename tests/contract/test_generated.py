"""Generated files are current, and the OpenAPI document is what the server serves."""

from typing import Any

import orjson

from service.api.document import openapi_document
from service.store.stores import Stores
from tests.api.client import Api
from tools.generate import FILES, ROOT


def test_generated_files_are_current() -> None:
    assert [name for name, write in FILES.items() if (ROOT / name).read_text() != write()] == []


async def test_the_server_serves_the_committed_document(stores: Stores) -> None:
    api = Api(stores.scripts.redis, stores.scripts.namespace)
    served = (await api.http.get("/openapi.json")).json()
    await api.close()
    assert served == orjson.loads((ROOT / "openapi/openapi.json").read_bytes())


async def test_no_route_is_hidden_from_the_document(stores: Stores) -> None:
    api = Api(stores.scripts.redis, stores.scripts.namespace)
    served = {path for route in api.app.routes for path in paths_of(route)}
    await api.close()
    pages = {path + rest for path in ("/docs", "/dashboard") for rest in ("", "/{build}/{name}")}
    assert served - {"/openapi.json", *pages} == set(openapi_document()["paths"])


def paths_of(route: Any) -> list[str]:
    """Of a route, or of the router that was included at its place."""
    if (path := getattr(route, "path", None)) is not None:
        return [path]
    return [path for inner in route.original_router.routes for path in paths_of(inner)]


def test_every_operation_has_a_summary_a_description_and_its_errors() -> None:
    for path, operations in openapi_document()["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            if path.startswith("/v1/"):
                assert {"401", "403", "422", "503"} <= set(operation["responses"]), (method, path)
