"""Errors that only exist at the HTTP door."""

from service.domain.errors import TriageError


class BodyTooLarge(TriageError):
    """The request body is larger than this operation takes."""

    code = "body_too_large"


class TooManyBodies(TriageError):
    """The server is holding too many request bodies at once; try again."""

    code = "too_many_bodies"
    retryable = True


class HostNotAllowed(TriageError):
    """Without keys, the API answers for localhost only; TRIAGE_ALLOWED_HOSTS adds other host names."""

    code = "host_not_allowed"


class HttpInvalid(TriageError):
    """This is not HTTP."""

    code = "http_invalid"


class JsonInvalid(TriageError):
    """The request body is not JSON that can be kept unchanged."""

    code = "json_invalid"


class RequestTooSlow(TriageError):
    """The request did not come in within its time."""

    code = "request_too_slow"
    retryable = True


class HeadersTooLarge(TriageError):
    """The headers and the address may have 16 KiB together, and there may be 100 headers."""

    code = "headers_too_large"


class TooManyStreams(TriageError):
    """Too many open event streams in this process; try again, or poll."""

    code = "too_many_streams"
    retryable = True


class TooManyStreamsOfKey(TooManyStreams):
    """Too many open event streams for this API key."""


class TooManyWaiters(TriageError):
    """Too many waiting requests in this process; ask again without waiting."""

    code = "too_many_waiters"
    retryable = True


class TooManyWaitersOfKey(TooManyWaiters):
    """Too many waiting requests for this API key."""


class ShuttingDown(TriageError):
    """This process ends and cannot finish the request; what it asked for may have happened: send it again."""

    code = "shutting_down"
    retryable = True


class UnsupportedMediaType(TriageError):
    """The request body must be application/json."""

    code = "unsupported_media_type"


class ValidationFailed(TriageError):
    """The request does not match the schema."""

    code = "validation_failed"


class UnknownParameter(TriageError):
    """The request has an unknown query parameter."""

    code = "unknown_parameter"


class Unauthenticated(TriageError):
    """A valid API key or token is needed: Authorization: Bearer <key or token>."""

    code = "unauthenticated"


class CredentialRefused(Unauthenticated):
    """The API key or token is not valid."""


class TooManyFailures(TriageError):
    """Too many refused credentials from this address; try again later."""

    code = "too_many_failures"
    retryable = True

    def __init__(self, retry_after: int) -> None:
        super().__init__()
        self.retry_after = retry_after


class IssuerUnavailable(TriageError):
    """The keys of the tokens' issuer cannot be read at the moment."""

    code = "issuer_unavailable"
    retryable = True


class ScopeMissing(TriageError):
    """The API key or token does not have the scope of this operation."""

    code = "scope_missing"
