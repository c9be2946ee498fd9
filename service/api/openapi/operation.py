"""Declares the scope, errors and summary of a route in one place, next to its path.

`document.py` derives the rest of the document: headers, examples, errors of bodies.
"""

from collections.abc import Callable
from typing import Any, TypeVar

#: The description of each error status.
MEANING = {
    400: "The request is malformed.",
    401: "The API key or token is missing or invalid.",
    403: "The API key or token lacks the scope.",
    404: "The resource does not exist.",
    408: "Timed out while receiving the body.",
    409: "The resource's current state does not allow this.",
    412: "The resource has changed.",
    413: "The body or the payload is too large.",
    415: "The body is not application/json.",
    422: "The request does not match the schema or conflicts with an earlier request.",
    429: "The caller has too many requests, waiting requests, streams or queues; or the queue is full.",
    431: "The headers are too large.",
    500: "Internal error.",
    503: "Redis or the token issuer is temporarily unavailable, or the server is shutting down.",
    507: "Redis is full.",
}
_ALWAYS = (400, 401, 403, 422, 429, 431, 500, 503)


Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_HOT = "triage_hot"


def hot(endpoint: Endpoint) -> Endpoint:
    """Mark an endpoint that the lane also serves (service/api/lane)."""
    setattr(endpoint, _HOT, True)
    return endpoint


def is_hot(endpoint: Callable[..., Any]) -> bool:
    return getattr(endpoint, _HOT, False)


def operation(
    scope: str,
    summary: str,
    successes: dict[int, tuple[str, Any]],
    errors: tuple[int, ...] = (),
    status_code: int | None = None,
) -> dict[str, Any]:
    """Keyword arguments for a router's decorator. `successes` maps a status to its description and model."""
    responses: dict[int | str, dict[str, Any]] = {}
    for status, (meaning, model) in successes.items():
        responses[status] = {"description": meaning, **({"model": model} if model is not None else {})}
    responses |= problem_responses(*sorted({*_ALWAYS, *errors}))
    return {
        "summary": summary,
        "status_code": status_code or min(successes),
        "response_model": None,
        "responses": responses,
        "openapi_extra": {"x-required-scope": scope, "security": [{"apiKey": []}]},
    }


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The document's error responses for these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": MEANING[status], "content": {"application/problem+json": {"schema": schema}}}
        for status in statuses
    }
