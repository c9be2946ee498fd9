"""Errors as problem documents (RFC 9457): one table from error to status, one format for all."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service.api.responses.advice import advise, no_such_path
from service.api.responses.allowed_methods import allowed_methods, is_literal
from service.api.responses.errors import (
    BodyTooLarge,
    CredentialRefused,
    HeadersTooLarge,
    HostNotAllowed,
    HttpInvalid,
    IssuerUnavailable,
    JsonInvalid,
    KeyRestricted,
    RequestTooSlow,
    ScopeMissing,
    ShuttingDown,
    TooManyBodies,
    TooManyFailures,
    TooManyStreams,
    TooManyStreamsOfKey,
    TooManyWaiters,
    TooManyWaitersOfKey,
    Unauthenticated,
    UnknownJobType,
    UnknownParameter,
    UnsupportedMediaType,
    ValidationFailed,
)
from service.api.responses.retryability import for_client
from service.api.responses.validation import MAX_ROWS, parameter_row, rows_of
from service.domain import errors
from service.domain.checks import SpecInvalid
from service.domain.fan_out import CountMismatch, FanOutSealed
from service.domain.flow import FlowInvalid
from service.domain.webhook import OutboxFull, TooManyWebhooks

STATUS: Mapping[type[errors.TriageError], int] = {
    CountMismatch: 409,
    FanOutSealed: 409,
    FlowInvalid: 422,
    OutboxFull: 429,
    TooManyWebhooks: 429,
    SpecInvalid: 422,
    errors.NotFound: 404,
    errors.InvalidState: 409,
    errors.VersionMismatch: 412,
    errors.IdempotencyKeyReused: 422,
    errors.UniqueConflict: 409,
    errors.QueueFull: 429,
    errors.TooManyQueues: 429,
    errors.QuotaExceeded: 429,
    errors.QueueNotEmpty: 409,
    errors.NamespaceExists: 409,
    errors.NamespaceNotEmpty: 409,
    errors.PayloadInvalid: 422,
    errors.PayloadTooLarge: 413,
    errors.CursorInvalid: 400,
    errors.BackendUnavailable: 503,
    errors.OutcomeUnknown: 503,
    errors.NotReplicated: 503,
    errors.StorageFull: 507,
    errors.StoreFault: 500,
    errors.ConfigurationInvalid: 500,
    TooManyWaiters: 503,
    TooManyWaitersOfKey: 429,
    TooManyFailures: 429,
    TooManyStreams: 503,
    TooManyBodies: 503,
    TooManyStreamsOfKey: 429,
    ShuttingDown: 503,
    BodyTooLarge: 413,
    RequestTooSlow: 408,
    HeadersTooLarge: 431,
    HostNotAllowed: 400,
    HttpInvalid: 400,
    JsonInvalid: 400,
    UnsupportedMediaType: 415,
    ValidationFailed: 422,
    UnknownParameter: 422,
    UnknownJobType: 422,
    Unauthenticated: 401,
    CredentialRefused: 401,
    IssuerUnavailable: 503,
    ScopeMissing: 403,
    KeyRestricted: 403,
}

#: The Retry-After of a response while Redis is unavailable, in seconds.
RETRY_AFTER = "1"

BY_STATUS = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
}

#: Every `code` of this API's problems.
CODES = {error.code for error in STATUS} | set(BY_STATUS.values()) | {"http_error", "internal_error"}
#: WWW-Authenticate for a request without credentials, and for one with invalid credentials (RFC 6750).
CHALLENGE = 'Bearer realm="triage"'
REFUSAL = f'{CHALLENGE}, error="invalid_token"'

#: The detail of an unexpected error.
UNEXPECTED = "Internal error. The server's log has the details."


def phrase(status: int) -> str:
    """The title of a status (RFC 9110); Python's names of two of them differ between versions."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or HTTPStatus(status).phrase


def problem(
    status: int,
    code: str,
    detail: str,
    instance: str,
    request_id: str | None,
    retryable: bool = False,
    **details: Any,
) -> dict[str, Any]:
    """A problem document; `details` are extra members such as current_state."""
    return {
        "type": f"/problems/{code}",
        "title": phrase(status),
        "status": status,
        "detail": detail,
        "instance": instance,
        "code": code,
        "retryable": retryable,
        "request_id": request_id,
        "errors": [],
        **details,
    }


def of_error(error: errors.TriageError, instance: str, request_id: str | None) -> dict[str, Any]:
    return problem(
        STATUS[type(error)], error.code, error.message, instance, request_id, error.retryable, **error.details
    )


def install(app: FastAPI) -> None:
    """Respond to every error of this application with a problem document."""
    app.add_exception_handler(errors.TriageError, of_request)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, _validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, _http_error)  # type: ignore[arg-type]


def respond(document: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(document), document["status"], headers=headers, media_type="application/problem+json"
    )


async def of_request(request: Request, error: errors.TriageError) -> Response:
    """The problem response for an error that a request raised."""
    headers: dict[str, str] = {}
    error = for_client(error, request.scope)
    status = STATUS[type(error)]
    if status in (429, 503):
        headers["Retry-After"] = str(getattr(error, "retry_after", RETRY_AFTER))
    if status == 408:
        headers["Connection"] = "close"  # do not wait for the rest of the body
    if status == 401:
        headers["WWW-Authenticate"] = REFUSAL if isinstance(error, CredentialRefused) else CHALLENGE
    document = of_error(error, request.url.path, _request_id(request))
    return respond({**document, "detail": advise(error, request.scope)}, headers)


async def _validation_error(request: Request, error: RequestValidationError) -> Response:
    found = error.errors()
    if any(row["loc"][:1] == ("path",) for row in found):
        # The route of a template has caught a literal path such as /v1/jobs/bulk, which has other methods.
        if is_literal(request.app.routes, request.url.path):
            return await _http_error(request, HTTPException(405))
        # An id that cannot exist gets the same response as one that does not exist.
        return await of_request(request, errors.NotFound())
    rows = [parameter_row(row) for row in found if row["loc"][0] != "body"]
    in_body = [{**row, "loc": row["loc"][1:]} for row in found if row["loc"][0] == "body"]
    model = getattr(request.scope.get("route"), "body_field", None)
    rows += rows_of(in_body[:MAX_ROWS], "", error.body, model and model.field_info.annotation)
    failed = ValidationFailed(errors=rows[:MAX_ROWS])
    return respond(of_error(failed, request.url.path, _request_id(request)))


async def _http_error(request: Request, error: HTTPException) -> Response:
    code = BY_STATUS.get(error.status_code, "http_error")
    detail = HTTPStatus(error.status_code).description or str(error.detail)
    headers = dict(error.headers or {})
    if error.status_code == 404:
        paths = [route.path for route in request.app.routes if getattr(route, "include_in_schema", False)]
        detail = no_such_path(request.url.path, paths)
    if error.status_code == 405 and (methods := allowed_methods(request.app.routes, request.url.path)):
        headers = {"Allow": ", ".join(methods)}
        detail = f"{request.method} is not possible here; this path has {headers['Allow']}."
    return respond(problem(error.status_code, code, detail, request.url.path, _request_id(request)), headers)


def _request_id(request: Request) -> str | None:
    return request.scope.get("state", {}).get("request_id")
