"""Every error that Triage raises on purpose. A `code` never changes; `default_message` is for people."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class TriageError(Exception):
    #: Identifies the error to client programs.
    code: ClassVar[str] = "error"
    #: An attribute, because `python -OO` removes docstrings.
    default_message: ClassVar[str] = "Internal error."
    #: Whether the same request may succeed later.
    retryable: bool = False

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or self.default_message
        #: Extra members of the problem document, such as `current_state`.
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)


#: The longest detail that is made from rows.
_LONGEST = 500


def describe_rows(rows: Sequence[Mapping[str, str]]) -> str | None:
    """The first of the rows of `errors` in a sentence, and how many others there are."""
    if not rows:
        return None
    first = rows[0]
    sentence = f"{first['pointer']}: {first['message']}" if first["pointer"] else first["message"]
    if len(sentence) > _LONGEST:
        sentence = f"{sentence[:_LONGEST]}..."
    return sentence if len(rows) == 1 else f"{sentence} ({len(rows) - 1} more in errors)"


class NotFound(TriageError):
    code = "not_found"
    default_message = "The resource does not exist."


class InvalidState(TriageError):
    code = "invalid_state"
    default_message = "The job's current state does not allow this action."

    @property
    def current_state(self) -> Any:
        """The present state, if the caller has given it."""
        return self.details.get("current_state")


class VersionMismatch(TriageError):
    code = "version_mismatch"
    default_message = "The resource has changed since the version in If-Match. Read it again, then retry."


class IdempotencyKeyReused(TriageError):
    code = "idempotency_key_reused"
    default_message = "This Idempotency-Key was used with a different request body in the last 24 hours."


class UniqueConflict(TriageError):
    code = "unique_conflict"
    default_message = "Another job holds this unique key."


class QueueFull(TriageError):
    code = "queue_full"
    retryable = True
    default_message = "The queue has reached its max_depth."


class TooManyQueues(TriageError):
    code = "too_many_queues"
    default_message = (
        "The namespace has reached its limit of queues (TRIAGE_MAX_QUEUES). Use an existing queue or "
        "delete one."
    )


class QuotaExceeded(TriageError):
    code = "quota_exceeded"
    retryable = True
    #: Seconds.
    retry_after = 1
    #: Lines of headers that the response has.
    headers = ""
    default_message = "The namespace has reached one of its quotas."

    @classmethod
    def of(cls, quota: str, limit: int) -> "QuotaExceeded":
        message = f"The namespace has reached its quota {quota} ({limit:,})."
        return cls(message, quota=quota, limit=limit)

    @classmethod
    def read(cls, text: str) -> "QuotaExceeded":
        """From the text of quotas.lua: the quota, its limit, and for a rate the ms until it may succeed."""
        quota, limit, *wait = text.split()[:3]
        error = cls.of(quota, int(limit))
        if wait and wait[0].isdigit():
            error.retry_after = max(1, -(-int(wait[0]) // 1000))
        return error


class QueueNotEmpty(TriageError):
    code = "queue_not_empty"
    default_message = (
        "The queue still has jobs. Finished jobs count until their retention ends or you delete them."
    )


class NamespaceExists(TriageError):
    code = "namespace_exists"
    default_message = "A namespace of this name exists. Change it with PATCH."


class NamespaceNotEmpty(TriageError):
    code = "namespace_not_empty"
    default_message = "The namespace still has jobs, queues with settings, flows, fan-outs or schedules."


class PayloadInvalid(TriageError):
    code = "payload_invalid"
    default_message = "The payload does not match the schema that workers have published for this job type."

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(describe_rows(errors), errors=errors)


class PayloadTooLarge(TriageError, ValueError):
    code = "payload_too_large"
    default_message = (
        "The payload exceeds TRIAGE_MAX_PAYLOAD_BYTES. Store large data elsewhere and pass a reference."
    )

    @classmethod
    def at(cls, pointer: str, size: int, most: int) -> "PayloadTooLarge":
        message = (
            f"Payload is {size:,} bytes; the limit is {most:,}."
            " Store large data elsewhere and pass a reference."
        )
        return cls(message, errors=[{"pointer": pointer, "code": cls.code, "message": message}])


class CursorInvalid(TriageError):
    code = "cursor_invalid"
    default_message = "Invalid cursor: use the next_cursor of a page of this list."


class BackendUnavailable(TriageError):
    code = "backend_unavailable"
    retryable = True
    default_message = "Redis is temporarily unavailable. Retry the request."


class OutcomeUnknown(TriageError):
    code = "outcome_unknown"
    retryable = True
    default_message = (
        "Redis did not respond in time. The submission may have been stored; look for it before you repeat "
        "it."
    )


class NotReplicated(TriageError):
    code = "not_replicated"
    retryable = True
    default_message = (
        "The submission is stored, but no replica of Redis has confirmed it in time. If the master fails "
        "before one does, the submission is lost."
    )


class StorageFull(TriageError):
    code = "storage_full"
    retryable = True
    default_message = "Redis has reached its memory limit."


class StoreFault(TriageError):
    code = "store_fault"
    default_message = "Internal error. The server's log has the details."


class ConfigurationInvalid(TriageError):
    code = "configuration_invalid"
    default_message = "Invalid configuration."
