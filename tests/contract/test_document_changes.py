"""No change breaks clients of the released document, and the check for that finds breaking changes."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import orjson
import pytest

from tools.document_changes import CURRENT, RELEASED, breaking_changes

Node = dict[str, Any]
DOCUMENT: Node = orjson.loads(CURRENT.read_bytes())


def schema(document: Node, name: str) -> Node:
    return document["components"]["schemas"][name]


def create_job(document: Node) -> Node:
    return document["paths"]["/v1/jobs"]["post"]


def parameter(document: Node, name: str) -> Node:
    listing = document["paths"]["/v1/jobs"]["get"]
    return next(row for row in listing["parameters"] if row["name"] == name)


BREAKS: list[tuple[Callable[[Node], object], str]] = [
    (lambda d: d["paths"].pop("/v1/jobs/{job_id}/retry"), "POST /v1/jobs/{job_id}/retry: operation removed"),
    (
        lambda d: create_job(d).update(operationId="submit"),
        "POST /v1/jobs: renamed from create_job to submit",
    ),
    (
        lambda d: create_job(d).update({"x-required-scope": "keys:admin"}),
        "POST /v1/jobs: needs another scope",
    ),
    (lambda d: create_job(d)["responses"].pop("200"), "POST /v1/jobs: response 200 removed"),
    (
        lambda d: create_job(d)["responses"]["202"]["headers"].pop("Location"),
        "POST /v1/jobs 202: header Location removed",
    ),
    (lambda d: schema(d, "JobOut")["properties"].pop("attempt"), "JobOut.attempt: removed"),
    (lambda d: schema(d, "JobOut")["required"].remove("attempt"), "JobOut.attempt: may now be absent"),
    (
        lambda d: schema(d, "JobOut")["properties"]["attempt"].update(type="string"),
        "JobOut.attempt: may now be string",
    ),
    (
        lambda d: schema(d, "JobOut")["properties"]["state"]["enum"].remove("blocked"),
        "JobOut.state: value blocked removed",
    ),
    (lambda d: schema(d, "JobSpecIn")["properties"].pop("tags"), "JobSpecIn.tags: removed"),
    (lambda d: schema(d, "JobSpecIn")["required"].append("queue"), "JobSpecIn.queue: is now required"),
    (
        lambda d: schema(d, "JobSpecIn")["properties"]["priority"].update(default=100),
        "JobSpecIn.priority: absent, it is now 100",
    ),
    (
        lambda d: parameter(d, "limit")["schema"].update(default=20),
        "GET /v1/jobs query.limit: absent, it is now 20",
    ),
    (
        lambda d: schema(d, "JobSpecIn")["properties"]["priority"].update(maximum=10),
        "JobSpecIn.priority: maximum is narrower, 10",
    ),
    (
        lambda d: schema(d, "JobSpecIn")["properties"]["name"].update(pattern="^a$"),
        "JobSpecIn.name: another pattern",
    ),
    (
        lambda d: schema(d, "RetryIn")["properties"]["backoff"]["enum"].remove("linear"),
        "RetryIn.backoff: value linear removed",
    ),
    (
        lambda d: schema(d, "JobSpecIn")["properties"]["limit_key"]["anyOf"].pop(),
        "JobSpecIn.limit_key: no longer takes null",
    ),
    (
        lambda d: parameter(d, "limit").update(required=True),
        "GET /v1/jobs: query parameter limit is now required",
    ),
    (lambda d: parameter(d, "limit").update(name="size"), "GET /v1/jobs: query parameter limit removed"),
    (lambda d: create_job(d).pop("requestBody"), "POST /v1/jobs: request body removed"),
]

HARMLESS: list[Callable[[Node], object]] = [
    lambda d: d["paths"].update({"/v1/new": {"get": {"operationId": "new", "responses": {}}}}),
    lambda d: schema(d, "JobOut")["properties"].update(colour={"type": "string"}),
    lambda d: schema(d, "JobSpecIn")["properties"].update(colour={"type": "string"}),
    lambda d: schema(d, "JobSpecIn")["properties"]["priority"].update(maximum=2000),
    lambda d: schema(d, "ProblemCode")["enum"].append("count_mismatch"),
    lambda d: create_job(d)["responses"].update({"418": {"description": "New."}}),
    lambda d: create_job(d).update(summary="Other words"),
]


def test_no_client_of_the_released_document_breaks() -> None:
    released = orjson.loads(RELEASED.read_bytes())
    assert breaking_changes(released, DOCUMENT) == [], (
        "take it back, or release it on purpose: python -m tools.document_changes --release"
    )


@pytest.mark.parametrize(("change", "found"), BREAKS, ids=[found for _, found in BREAKS])
def test_a_change_that_breaks_clients_is_found(change: Callable[[Node], object], found: str) -> None:
    changed = deepcopy(DOCUMENT)
    change(changed)
    assert found in breaking_changes(DOCUMENT, changed)


@pytest.mark.parametrize("change", HARMLESS)
def test_an_addition_breaks_no_client(change: Callable[[Node], object]) -> None:
    changed = deepcopy(DOCUMENT)
    change(changed)
    assert breaking_changes(DOCUMENT, changed) == []
