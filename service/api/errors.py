"""Errors that only exist at the HTTP door."""

from service.domain.errors import TriageError


class BodyTooLarge(TriageError):
    """The request body is larger than this operation takes."""

    code = "body_too_large"


class JsonInvalid(TriageError):
    """The request body is not JSON that can be kept unchanged."""

    code = "json_invalid"


class UnsupportedMediaType(TriageError):
    """The request body must be application/json."""

    code = "unsupported_media_type"


class ValidationFailed(TriageError):
    """The request does not match the schema."""

    code = "validation_failed"


class Unauthenticated(TriageError):
    """A valid API key is needed: Authorization: Bearer <key>."""

    code = "unauthenticated"


class ScopeMissing(TriageError):
    """The API key does not have the scope of this operation."""

    code = "scope_missing"


class ShuttingDown(TriageError):
    """This process is shutting down; another one will answer."""

    code = "shutting_down"
    retryable = True
