"""Every example of the document is valid against its schema, and a live server behaves as it shows."""

from typing import Any

import orjson
import pytest

from service.api.openapi.examples import example_of
from service.store.namespace import Namespace
from tests.api.client import Api
from tests.api.document import DOCUMENT, OPERATIONS, SCHEMAS, Operation, resolve, validate
from tests.api.resources import make
from tools.generate import FILES, ROOT


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
def test_an_operation_has_examples_and_they_match(operation: Operation) -> None:
    if operation.request is not None:
        validate(operation.request["example"], operation.request["schema"])
    for response in operation.declared["responses"].values():
        for media_type, media in resolve(response).get("content", {}).items():
            if media_type.endswith("json"):
                validate(media["example"], media["schema"])


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.id)
async def test_a_server_accepts_the_example_and_responds_as_declared(
    api: Api, store: Namespace, operation: Operation
) -> None:
    values = await make(store, operation) if operation.parameters("path") else {}
    body: Any = None if operation.request is None else orjson.dumps(operation.request["example"])
    headers = {} if body is None else {"Content-Type": "application/json"}
    response = await api.http.request(
        operation.method, operation.address(**values), content=body, headers=headers
    )
    assert response.status_code < 300, response.text
    operation.conforms(response)


def test_there_is_exactly_one_file_per_operation() -> None:
    names = {path.name for path in (ROOT / "openapi/examples").iterdir()}
    assert names == {f"{operation.id}.json" for operation in OPERATIONS}
    assert {f"openapi/examples/{name}" for name in names} <= FILES.keys()


def test_every_schema_has_a_unique_name() -> None:
    """FastAPI prefixes schemas that share a name with their modules, and SDKs would show those names."""
    assert [name for name in SCHEMAS if not name.isalnum()] == []


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_value_that_is_made_from_a_schema_matches_it(name: str) -> None:
    schema = {key: value for key, value in SCHEMAS[name].items() if key != "examples"}
    validate(example_of(schema, DOCUMENT["components"]["schemas"]), schema)
