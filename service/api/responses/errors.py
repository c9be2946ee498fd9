"""Errors that only the HTTP API raises."""

from collections.abc import Collection
from typing import Any

from service.domain.errors import TriageError, describe_rows


class BodyTooLarge(TriageError):
    code = "body_too_large"
    default_message = "The request body exceeds the limit for this operation."


class TooManyBodies(TriageError):
    code = "too_many_bodies"
    retryable = True
    default_message = "The server is receiving too many request bodies at once. Try again."


class HostNotAllowed(TriageError):
    code = "host_not_allowed"
    default_message = (
        "Without API keys, the API accepts requests for localhost only. Add host names with "
        "TRIAGE_ALLOWED_HOSTS."
    )


class HttpInvalid(TriageError):
    code = "http_invalid"
    default_message = "Malformed HTTP request."


class JsonInvalid(TriageError):
    code = "json_invalid"
    default_message = "The request body is not valid JSON, or has values that JSON cannot preserve."

    def inside(self, pointer: str) -> "JsonInvalid":
        """The error of a part of the body, whose positions count from its own beginning."""
        return JsonInvalid(f"{pointer}: {self.message.replace('the request body', 'this value')}")


class RequestTooSlow(TriageError):
    code = "request_too_slow"
    retryable = True
    default_message = "Timed out while receiving the request."


class HeadersTooLarge(TriageError):
    code = "headers_too_large"
    default_message = "The headers are too large: the limits are 16 KiB for URL and headers, and 100 headers."


class TooManyStreams(TriageError):
    code = "too_many_streams"
    retryable = True
    default_message = "Too many open event streams in this process. Try again, or poll."


class TooManyStreamsOfKey(TooManyStreams):
    default_message = "Too many open event streams for this API key."


class TooManyWaiters(TriageError):
    code = "too_many_waiters"
    retryable = True
    default_message = "Too many waiting requests in this process. Retry without waiting."


class TooManyWaitersOfKey(TooManyWaiters):
    default_message = "Too many waiting requests for this API key."


class ShuttingDown(TriageError):
    code = "shutting_down"
    retryable = True
    default_message = (
        "The server is shutting down. The request may have been applied; "
        "retry it with the same Idempotency-Key."
    )


class UnsupportedMediaType(TriageError):
    code = "unsupported_media_type"
    default_message = "The request body must be application/json."


class ValidationFailed(TriageError):
    code = "validation_failed"
    default_message = "The request does not match the schema."

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or describe_rows(details.get("errors", ())), **details)


class UnknownParameter(ValidationFailed):
    code = "unknown_parameter"
    default_message = "The request has an unknown query parameter."


class UnknownJobType(ValidationFailed):
    code = "unknown_job_type"
    default_message = "No live worker knows this job type."


class Unauthenticated(TriageError):
    code = "unauthenticated"
    default_message = "Send a valid API key or token: Authorization: Bearer <key or token>."


class CredentialRefused(Unauthenticated):
    default_message = "Invalid API key or token."


class TooManyFailures(TriageError):
    code = "too_many_failures"
    retryable = True
    default_message = "Too many invalid credentials from this address. Try again later."

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class IssuerUnavailable(TriageError):
    code = "issuer_unavailable"
    retryable = True
    default_message = "The token issuer's signing keys are temporarily unavailable. Retry the request."


class ScopeMissing(TriageError):
    code = "scope_missing"
    default_message = "The API key or token lacks the scope for this operation."


class KeyRestricted(TriageError):
    code = "key_restricted"
    default_message = "The API key is restricted to some queues or job types, and this request needs others."

    @classmethod
    def to(cls, what: str, asked: str | None, allowed: Collection[str]) -> "KeyRestricted":
        """`asked`: the queue or job type; None if the request concerns all of them."""
        shown = ", ".join(sorted(allowed)[:10]) + (", ..." if len(allowed) > 10 else "")
        needs = f"and this request concerns all {what}" if asked is None else f"not {asked}"
        return cls(f"The API key is restricted to the {what} {shown}, {needs}.")
