"""Clients cannot set fields that only the service decides."""

from typing import Any

import pytest

from tests.api.client import Api, problem
from tests.api.document import OPERATIONS, SCHEMAS, Operation, resolve

BODIES = [operation for operation in OPERATIONS if operation.request is not None]
#: Every field of every response, and a few names that other services were exploited through.
ANSWERED = {
    field for name, schema in SCHEMAS.items() if name.endswith("Out") for field in schema["properties"]
}
TEMPTING = {
    "namespace",
    "tenant",
    "token",
    "lease",
    "worker",
    "scopes",
    "is_admin",
    "__proto__",
    "constructor",
}


def nested(schema: dict[str, Any], seen: set[int]) -> list[dict[str, Any]]:
    """Every object schema of a request with declared fields."""
    schema = resolve(schema)
    if id(schema) in seen:
        return []
    seen.add(id(schema))
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    inner += [part for key in ("items", "additionalProperties") if isinstance(part := schema.get(key), dict)]
    own = [schema] if "properties" in schema else []
    return own + [found for part in inner for found in nested(part, seen)]


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.id)
async def test_a_response_only_field_is_refused_by_name(api: Api, operation: Operation) -> None:
    assert operation.request is not None
    known = resolve(operation.request["schema"])["properties"].keys()
    for field in sorted((ANSWERED | TEMPTING) - known):
        body = {**operation.request["example"], field: None}
        response = await api.http.request(operation.method, operation.address(), json=body)
        assert f"/{field}" in {
            row["pointer"] for row in problem(response, 422, "validation_failed")["errors"]
        }


@pytest.mark.parametrize("operation", BODIES, ids=lambda operation: operation.id)
def test_no_object_of_a_request_takes_unknown_fields(operation: Operation) -> None:
    assert operation.request is not None
    found = nested(operation.request["schema"], set())
    assert found != []
    assert [schema["title"] for schema in found if schema.get("additionalProperties") is not False] == []
