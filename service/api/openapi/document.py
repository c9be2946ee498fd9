"""Completes FastAPI's OpenAPI document for all operations.

It derives headers, error responses and examples here rather than at each route, so that no route can forget
them.
"""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service.api.openapi import example_data, examples
from service.api.openapi.operation import MEANING, problem_responses
from service.api.responses import problems
from service.api.responses.errors import JsonInvalid, ValidationFailed
from service.api.schemas.fan_outs import ItemResultOut
from service.api.schemas.problems import Problem
from service.domain.errors import TriageError

Node = dict[str, Any]

_PROBLEM = "application/problem+json"
_DESCRIPTION = """\
Triage keeps jobs in Redis, and separate worker processes run each at least once.

Every error is a problem document (RFC 9457) with a stable `code` for programs. A key or token sees one
namespace; resources of other namespaces return 404, as if they did not exist. Times are UTC, durations are in
seconds. The API rejects unknown request fields.
"""
_TAGS = {
    "jobs": "Submit, read, cancel and retry.",
    "flows": "Jobs that wait for other jobs.",
    "fan-outs": "Many jobs from one request.",
    "queues": "Depth, rates, pause, limits.",
    "stats": "The last 24 hours of queues and job types.",
    "events": "Changes of a namespace or queue as they happen.",
    "dead letters": "Jobs that gave up, kept for inspection.",
    "bulk actions": "One action on every job that matches.",
    "schedules": "Submit jobs at regular times.",
    "workers": "Worker processes and the job types they know.",
    "audit": "Whether what is stored about jobs agrees with them.",
    "API keys": "Keys of the caller's namespace.",
    "namespaces": "Quotas of tenants, for operators.",
    "health": "Probes.",
    "telemetry": "Metrics for Prometheus and KEDA.",
}


def _header(description: str, example: str, required: bool = False) -> Node:
    return {
        "description": description,
        "schema": {"type": "string"},
        "example": example,
        **({"required": True} if required else {}),
    }


_HEADERS: dict[str, Node] = {
    "X-Request-Id": _header(
        "The request's X-Request-Id, or a generated one.", example_data.REQUEST_ID, required=True
    ),
    "Location": _header("The URL of the resource.", f"/v1/jobs/{example_data.JOB_ID}", required=True),
    "ETag": _header("The version, for If-None-Match and If-Match.", '"1"', required=True),
    "Retry-After": _header(
        "How long to wait before retrying, in seconds.", problems.RETRY_AFTER, required=True
    ),
    "WWW-Authenticate": _header("How to authenticate.", problems.CHALLENGE, required=True),
    "Idempotency-Replayed": _header("`true` if this repeats the first response.", "true"),
}
#: The example error of a status that several errors have.
_SHOWN: dict[int, type[TriageError]] = {400: JsonInvalid, 422: ValidationFailed}
_PROBLEM_HEADERS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}


def describe(app: FastAPI) -> Node:
    """The document of an application, cached."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=_DESCRIPTION,
            routes=app.routes,
            servers=[{"url": "", "description": "The server that serves this document."}],
        )
        _complete(document)
        app.openapi_schema = document
    return app.openapi_schema


def operations(document: Node) -> Iterator[tuple[str, str, Node]]:
    """The path, method and operation of each operation."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def _complete(document: Node) -> None:
    components: Node = document.setdefault("components", {})
    _complete_components(components)
    used: set[str] = set()
    for _, _, operation in operations(document):
        used.update(operation["tags"])
        _complete_operation(operation, components)
    document["tags"] = [{"name": tag, "description": text} for tag, text in _TAGS.items() if tag in used]


def _complete_components(components: Node) -> None:
    schemas: Node = components.setdefault("schemas", {})
    schemas["Problem"] = _problem_schema(schemas)
    schemas["ProblemCode"] = {
        "type": "string",
        "title": "ProblemCode",
        "description": "A stable code that says what went wrong, for programs.",
        "enum": sorted(problems.CODES),
    }
    # The response as a whole does not have this type, but clients need it for the lines of the stream.
    line = ItemResultOut.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    for name, schema in line.pop("$defs").items():
        schemas.setdefault(name, schema)
    schemas["ItemResultOut"] = line
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, schema in schemas.items():
        if name in examples.SCHEMAS:
            schema["examples"] = [examples.complete(examples.SCHEMAS[name], schema, schemas)]
    components["securitySchemes"] = {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key from `triage keys create`, or a token (JWT) from the server's issuer.",
        }
    }
    components["headers"] = _HEADERS
    components["responses"] = {}


def _complete_operation(operation: Node, components: Node) -> None:
    schemas = components["schemas"]
    operation.setdefault("security", [])
    # The server may refuse headers before it has routed the request.
    also = [431]
    for parameter in operation.get("parameters", []):
        _parameter(parameter, schemas)
        if parameter["in"] == "path":
            also.append(404)  # an invalid name gets the same response as an unknown one
    if "requestBody" in operation:
        also += [408, 413, 415]
        for media in operation["requestBody"]["content"].values():
            _drop_null(media["schema"])
            media.setdefault("example", examples.example_of(media["schema"], schemas))
    for status, response in problem_responses(*also).items():
        operation["responses"].setdefault(str(status), response)
    _responses(operation, components)


def _problem_schema(schemas: Node) -> Node:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schema["properties"]["code"] = {"$ref": "#/components/schemas/ProblemCode"}
    schema["examples"] = [_problem_example(404)]
    return schema


def _problem_example(status: int) -> Node:
    instance = f"/v1/jobs/{example_data.JOB_ID}"
    if status == 500:
        return problems.problem(500, "internal_error", MEANING[500], instance, example_data.REQUEST_ID)
    error = _SHOWN.get(status) or next(error for error, known in problems.STATUS.items() if known == status)
    return problems.of_error(error(), instance, example_data.REQUEST_ID)


def _parameter(parameter: Node, schemas: Node) -> None:
    schema = parameter["schema"]
    if parameter["in"] == "header":
        parameter["name"] = "-".join(part.capitalize() for part in parameter["name"].split("-"))
    if parameter.get("required"):
        parameter["example"] = examples.PARAMETERS.get(parameter["name"]) or examples.example_of(
            schema, schemas
        )
    _drop_null(schema)
    schema.pop("description", None)


def _drop_null(schema: Node) -> None:
    """Remove null from types: in a query, header or body, absence means null."""
    choices = [choice for choice in schema.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        del schema["anyOf"]
        schema.update(choices[0])
        if "$ref" in schema:
            schema.pop("title", None)


def _responses(operation: Node, components: Node) -> None:
    """Add headers and examples to the responses; all operations share the descriptions of problems."""
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    for status, response in sorted(operation["responses"].items()):
        if _PROBLEM in response.get("content", {}):
            shared = "".join(problems.phrase(int(status)).title().split())
            components["responses"].setdefault(shared, _shared_problem(int(status)))
            operation["responses"][status] = {"$ref": f"#/components/responses/{shared}"}
            continue
        headers = ["X-Request-Id"]
        for media_type, media in response.get("content", {}).items():
            schema = media.get("schema", {})
            if media_type == "application/json" and "example" not in media:
                media["example"] = examples.example_of(schema, components["schemas"])
                if status == "202":
                    name = schema.get("$ref", "").rpartition("/")[2]
                    media["example"] = {**media["example"], **examples.ACCEPTED.get(name, {})}
            if media_type == "text/event-stream":
                # The schema of each event's data; the stream is text for clients without support for streams.
                media["example"] = examples.example_of(schema, components["schemas"])
                media["schema"] = {"anyOf": [{"$ref": schema["$ref"]}, {"type": "string"}]}
                continue
            # Only a number: the version of a worker is the version of its software.
            if isinstance(media.get("example"), dict) and isinstance(media["example"].get("version"), int):
                headers += ["ETag", *(["Location"] if status in ("201", "202") else [])]
        if status == "304":
            headers.append("ETag")
        if "Idempotency-Key" in names:
            headers.append("Idempotency-Replayed")
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    operation["responses"] = dict(sorted(operation["responses"].items()))


def _shared_problem(status: int) -> Node:
    response = problem_responses(status)[status]
    response["content"][_PROBLEM]["example"] = _problem_example(status)
    headers = ["X-Request-Id", *([_PROBLEM_HEADERS[status]] if status in _PROBLEM_HEADERS else [])]
    response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}
    return response
