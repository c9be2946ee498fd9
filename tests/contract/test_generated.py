"""Generated files are current, and the OpenAPI document is what the server serves."""

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


def test_every_operation_has_a_summary_a_description_and_its_errors() -> None:
    for path, operations in openapi_document()["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            if path.startswith("/v1/"):
                assert {"401", "403", "422", "503"} <= set(operation["responses"]), (method, path)
