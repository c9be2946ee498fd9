"""One exception for each code of the API. Written by `make generate`."""

from collections.abc import Mapping

from triage_client.errors import ApiError


__all__ = [
    "BY_CODE",
    "BackendUnavailable",
    "BadRequest",
    "BodyTooLarge",
    "ConfigurationInvalid",
    "CountMismatch",
    "CursorInvalid",
    "FanOutSealed",
    "FlowInvalid",
    "HeadersTooLarge",
    "HostNotAllowed",
    "HttpError",
    "HttpInvalid",
    "IdempotencyKeyReused",
    "InternalError",
    "InvalidState",
    "IssuerUnavailable",
    "JsonInvalid",
    "KeyRestricted",
    "MethodNotAllowed",
    "NamespaceExists",
    "NamespaceNotEmpty",
    "NotFound",
    "NotReplicated",
    "OutboxFull",
    "OutcomeUnknown",
    "PayloadInvalid",
    "PayloadTooLarge",
    "QueueFull",
    "QueueNotEmpty",
    "QuotaExceeded",
    "RequestTooSlow",
    "ScopeMissing",
    "ShuttingDown",
    "StorageFull",
    "StoreFault",
    "TooManyBodies",
    "TooManyFailures",
    "TooManyQueues",
    "TooManyStreams",
    "TooManyWaiters",
    "TooManyWebhooks",
    "Unauthenticated",
    "UniqueConflict",
    "UnknownJobType",
    "UnknownParameter",
    "UnsupportedMediaType",
    "ValidationFailed",
    "VersionMismatch",
]


class BackendUnavailable(ApiError):
    """`backend_unavailable`: Redis is temporarily unavailable. Retry the request."""


class BadRequest(ApiError):
    """`bad_request`: Bad Request."""


class BodyTooLarge(ApiError):
    """`body_too_large`: The request body exceeds the limit for this operation."""


class ConfigurationInvalid(ApiError):
    """`configuration_invalid`: Invalid configuration."""


class CountMismatch(ApiError):
    """`count_mismatch`: The fan-out does not have exactly the expected number of items."""


class CursorInvalid(ApiError):
    """`cursor_invalid`: Invalid cursor: use the next_cursor of a page of this list."""


class FanOutSealed(ApiError):
    """`fan_out_sealed`: The fan-out is sealed and accepts no more items."""


class FlowInvalid(ApiError):
    """`flow_invalid`: The flow's jobs must form an acyclic graph within the limits."""


class HeadersTooLarge(ApiError):
    """`headers_too_large`: The headers are too large: the limits are 16 KiB for URL and headers, and 100
    headers.
    """


class HostNotAllowed(ApiError):
    """`host_not_allowed`: Without API keys, the API accepts requests for localhost only. Add host names
    with TRIAGE_ALLOWED_HOSTS.
    """


class HttpError(ApiError):
    """`http_error`: Any other HTTP status."""


class HttpInvalid(ApiError):
    """`http_invalid`: Malformed HTTP request."""


class IdempotencyKeyReused(ApiError):
    """`idempotency_key_reused`: This Idempotency-Key was used with a different request body in the last 24
    hours.
    """


class InternalError(ApiError):
    """`internal_error`: Internal error. The server's log has the details."""


class InvalidState(ApiError):
    """`invalid_state`: The job's current state does not allow this action."""


class IssuerUnavailable(ApiError):
    """`issuer_unavailable`: The token issuer's signing keys are temporarily unavailable. Retry the
    request.
    """


class JsonInvalid(ApiError):
    """`json_invalid`: The request body is not valid JSON, or has values that JSON cannot preserve."""


class KeyRestricted(ApiError):
    """`key_restricted`: The API key is restricted to some queues or job types, and this request needs
    others.
    """


class MethodNotAllowed(ApiError):
    """`method_not_allowed`: Method Not Allowed."""


class NamespaceExists(ApiError):
    """`namespace_exists`: A namespace of this name exists. Change it with PATCH."""


class NamespaceNotEmpty(ApiError):
    """`namespace_not_empty`: The namespace still has jobs, queues with settings, flows, fan-outs or
    schedules.
    """


class NotFound(ApiError):
    """`not_found`: The resource does not exist."""


class NotReplicated(ApiError):
    """`not_replicated`: The submission is stored, but no replica of Redis has confirmed it in time. If the
    master fails before one does, the submission is lost.
    """


class OutboxFull(ApiError):
    """`outbox_full`: Too many deliveries are pending. Retry when some of them have ended."""


class OutcomeUnknown(ApiError):
    """`outcome_unknown`: Redis did not respond in time. The submission may have been stored; look for it
    before you repeat it.
    """


class PayloadInvalid(ApiError):
    """`payload_invalid`: The payload does not match the schema that workers have published for this job
    type.
    """


class PayloadTooLarge(ApiError):
    """`payload_too_large`: The payload exceeds TRIAGE_MAX_PAYLOAD_BYTES. Store large data elsewhere and
    pass a reference.
    """


class QueueFull(ApiError):
    """`queue_full`: The queue has reached its max_depth."""


class QueueNotEmpty(ApiError):
    """`queue_not_empty`: The queue still has jobs. Finished jobs count until their retention ends or you
    delete them.
    """


class QuotaExceeded(ApiError):
    """`quota_exceeded`: The namespace has reached one of its quotas."""


class RequestTooSlow(ApiError):
    """`request_too_slow`: Timed out while receiving the request."""


class ScopeMissing(ApiError):
    """`scope_missing`: The API key or token lacks the scope for this operation."""


class ShuttingDown(ApiError):
    """`shutting_down`: The server is shutting down. The request may have been applied; retry it with the
    same Idempotency-Key.
    """


class StorageFull(ApiError):
    """`storage_full`: Redis has reached its memory limit."""


class StoreFault(ApiError):
    """`store_fault`: Internal error. The server's log has the details."""


class TooManyBodies(ApiError):
    """`too_many_bodies`: The server is receiving too many request bodies at once. Try again."""


class TooManyFailures(ApiError):
    """`too_many_failures`: Too many invalid credentials from this address. Try again later."""


class TooManyQueues(ApiError):
    """`too_many_queues`: The namespace has reached its limit of queues (TRIAGE_MAX_QUEUES). Use an
    existing queue or delete one.
    """


class TooManyStreams(ApiError):
    """`too_many_streams`: Too many open event streams for this API key. Too many open event streams in
    this process. Try again, or poll.
    """


class TooManyWaiters(ApiError):
    """`too_many_waiters`: Too many waiting requests for this API key. Too many waiting requests in this
    process. Retry without waiting.
    """


class TooManyWebhooks(ApiError):
    """`too_many_webhooks`: The namespace has reached its limit of 20 webhooks. Delete one first."""


class Unauthenticated(ApiError):
    """`unauthenticated`: Invalid API key or token. Send a valid API key or token: Authorization: Bearer
    <key or token>.
    """


class UniqueConflict(ApiError):
    """`unique_conflict`: Another job holds this unique key."""


class UnknownJobType(ApiError):
    """`unknown_job_type`: No live worker knows this job type."""


class UnknownParameter(ApiError):
    """`unknown_parameter`: The request has an unknown query parameter."""


class UnsupportedMediaType(ApiError):
    """`unsupported_media_type`: The request body must be application/json."""


class ValidationFailed(ApiError):
    """`validation_failed`: A value is outside its limits. The request does not match the schema."""


class VersionMismatch(ApiError):
    """`version_mismatch`: The resource has changed since the version in If-Match. Read it again, then
    retry.
    """


BY_CODE: Mapping[str, type[ApiError]] = {
    "backend_unavailable": BackendUnavailable,
    "bad_request": BadRequest,
    "body_too_large": BodyTooLarge,
    "configuration_invalid": ConfigurationInvalid,
    "count_mismatch": CountMismatch,
    "cursor_invalid": CursorInvalid,
    "fan_out_sealed": FanOutSealed,
    "flow_invalid": FlowInvalid,
    "headers_too_large": HeadersTooLarge,
    "host_not_allowed": HostNotAllowed,
    "http_error": HttpError,
    "http_invalid": HttpInvalid,
    "idempotency_key_reused": IdempotencyKeyReused,
    "internal_error": InternalError,
    "invalid_state": InvalidState,
    "issuer_unavailable": IssuerUnavailable,
    "json_invalid": JsonInvalid,
    "key_restricted": KeyRestricted,
    "method_not_allowed": MethodNotAllowed,
    "namespace_exists": NamespaceExists,
    "namespace_not_empty": NamespaceNotEmpty,
    "not_found": NotFound,
    "not_replicated": NotReplicated,
    "outbox_full": OutboxFull,
    "outcome_unknown": OutcomeUnknown,
    "payload_invalid": PayloadInvalid,
    "payload_too_large": PayloadTooLarge,
    "queue_full": QueueFull,
    "queue_not_empty": QueueNotEmpty,
    "quota_exceeded": QuotaExceeded,
    "request_too_slow": RequestTooSlow,
    "scope_missing": ScopeMissing,
    "shutting_down": ShuttingDown,
    "storage_full": StorageFull,
    "store_fault": StoreFault,
    "too_many_bodies": TooManyBodies,
    "too_many_failures": TooManyFailures,
    "too_many_queues": TooManyQueues,
    "too_many_streams": TooManyStreams,
    "too_many_waiters": TooManyWaiters,
    "too_many_webhooks": TooManyWebhooks,
    "unauthenticated": Unauthenticated,
    "unique_conflict": UniqueConflict,
    "unknown_job_type": UnknownJobType,
    "unknown_parameter": UnknownParameter,
    "unsupported_media_type": UnsupportedMediaType,
    "validation_failed": ValidationFailed,
    "version_mismatch": VersionMismatch,
}
