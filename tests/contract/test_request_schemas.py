"""The meaning of absent fields is documented, and the document avoids schemas that break code generators."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from service.api.openapi.document import operations
from service.domain.job_spec import OF_TYPES
from tests.api.document import DOCUMENT, SCHEMAS

#: By schema, the fields that absence inherits: from the job type, the queue, the template, the job.
INHERITED = {
    "JobSpecIn": set(OF_TYPES),
    "RetryIn": set(SCHEMAS["RetryIn"]["properties"]),
    "JobChangesIn": set(SCHEMAS["JobChangesIn"]["properties"]),
    "QueueChangesIn": set(SCHEMAS["QueueChangesIn"]["properties"]),
    "QueueDefaultsIn": set(SCHEMAS["QueueDefaultsIn"]["properties"]),
    "KeyLimitsIn": set(SCHEMAS["KeyLimitsIn"]["properties"]),
    "ItemIn": {"priority", "delay_seconds"},
    "RedriveIn": {"payload", "queue"},
}


def references(node: Any) -> Iterator[str]:
    """Names of the schemas that a node refers to, directly or through other schemas."""
    pending, seen = [node], set[str]()
    while pending:
        match pending.pop():
            case {"$ref": str(reference)}:
                name = reference.rpartition("/")[2]
                if name not in seen:
                    seen.add(name)
                    yield name
                    pending.append(SCHEMAS[name])
            case dict(mapping):
                pending.extend(mapping.values())
            case list(items):
                pending.extend(items)
            case _:
                pass


BODIES = [operation["requestBody"] for _, _, operation in operations(DOCUMENT) if "requestBody" in operation]
REQUESTS = sorted({name for body in BODIES for name in references(body)})


def test_every_schema_that_inherits_is_one_of_a_request() -> None:
    assert set(INHERITED) <= set(REQUESTS)


@pytest.mark.parametrize("name", sorted(INHERITED))
def test_an_inherited_field_has_no_default_and_the_document_says_what_its_absence_means(name: str) -> None:
    schema = SCHEMAS[name]
    for field in sorted(INHERITED[name]):
        described = schema["properties"][field]
        assert "default" not in described, field
        assert field not in schema.get("required", ()), field
        # Either the field or its schema must say it.
        words = f"{described.get('description', '')} {schema['description']}".lower()
        assert any(word in words for word in ("absent", "inherit", "settings to change")), field


def test_no_other_request_field_has_a_default_that_is_not_always_the_same() -> None:
    """Check a new default: generated clients send it, whatever the type, queue or template says."""
    declared = {
        f"{name}.{field}"
        for name in REQUESTS
        for field, described in SCHEMAS[name].get("properties", {}).items()
        if "default" in described
    }
    assert declared == {
        "BulkActionIn.dry_run",
        "DeadRetryIn.dry_run",
        "EdgeIn.when",
        "FanOutSpecIn.sealed",
        "FlowSpecIn.on_failure",
        "JobSpecIn.delay_seconds",
        "JobsIn.atomic",
        "NamespaceIn.description",
        "RotationIn.overlap_seconds",
        "WebhookIn.description",
        "RateLimitIn.per_seconds",
        "RateLimitIn.smooth",
        "RedriveIn.delay_seconds",
        "RotateIn.overlap_seconds",
        "ScheduleIn.catch_up",
        "ScheduleIn.overlap",
        "ScheduleIn.paused",
        "ScheduleIn.timezone",
        "UniqueIn.on_conflict",
        "UniqueIn.until",
    }


def test_no_field_is_null_and_nothing_else() -> None:
    """openapi-generator fails with an exception on a schema of just the type null."""
    lonely = [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if described.get("type") == "null"
    ]
    assert lonely == []


def test_ndjson_is_bytes_and_its_lines_have_a_type() -> None:
    """Generated clients read NDJSON as a blob, a file or bytes, so the schema must not promise a string."""
    streams = [
        (operation["operationId"], media["schema"], media["example"])
        for _, _, operation in operations(DOCUMENT)
        for response in operation["responses"].values()
        for media_type, media in response.get("content", {}).items()
        if media_type == "application/x-ndjson"
    ]
    assert [(name, schema) for name, schema, _ in streams] == [
        ("list_fan_out_results", {"type": "string", "format": "binary"})
    ]
    assert set(orjson.loads(streams[0][2])) == set(SCHEMAS["ItemResultOut"]["required"])
