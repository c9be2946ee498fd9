"""Every error that Triage raises on purpose; a docstring is the default message, `code` never changes."""

from collections.abc import Mapping
from typing import Any, ClassVar


class TriageError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    #: Whether the same request may succeed later without being changed.
    retryable: bool = False

    def __init__(self, message: str | None = None, **details: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        #: Extra members of the problem document, such as `current_state`.
        self.details: Mapping[str, Any] = details
        super().__init__(self.message)


class NotFound(TriageError):
    """There is no such resource."""

    code = "not_found"


class InvalidState(TriageError):
    """The job is not in a state that permits this."""

    code = "invalid_state"

    @property
    def current_state(self) -> Any:
        """The state that it is in, where one is known."""
        return self.details.get("current_state")


class VersionMismatch(TriageError):
    """The resource has changed since the version that If-Match names."""

    code = "version_mismatch"


class IdempotencyKeyReused(TriageError):
    """This Idempotency-Key was used within 24 hours with another body."""

    code = "idempotency_key_reused"


class UniqueConflict(TriageError):
    """Another job holds this unique key."""

    code = "unique_conflict"


class QueueFull(TriageError):
    """The queue has reached its max_depth."""

    code = "queue_full"
    retryable = True


class TooManyQueues(TriageError):
    """The namespace has as many queues as TRIAGE_MAX_QUEUES permits: use one of them or delete one."""

    code = "too_many_queues"


class QueueNotEmpty(TriageError):
    """The queue still has jobs. Finished ones count until their retention ends or they are deleted."""

    code = "queue_not_empty"


class PayloadInvalid(TriageError):
    """The payload does not match the schema that the job type's workers have published."""

    code = "payload_invalid"

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(None, errors=errors)


class PayloadTooLarge(TriageError, ValueError):
    """The payload is larger than TRIAGE_MAX_PAYLOAD_BYTES: store the data elsewhere and pass its id."""

    code = "payload_too_large"

    @classmethod
    def at(cls, pointer: str, size: int, most: int) -> "PayloadTooLarge":
        message = (
            f"Payload is {size:,} bytes; the limit is {most:,}."
            " Store large data elsewhere and pass a reference."
        )
        return cls(message, errors=[{"pointer": pointer, "code": cls.code, "message": message}])


class CursorInvalid(TriageError):
    """The cursor is not one that this list has issued."""

    code = "cursor_invalid"


class BackendUnavailable(TriageError):
    """Redis cannot be reached at the moment."""

    code = "backend_unavailable"
    retryable = True


class OutcomeUnknown(TriageError):
    """Redis did not answer in time: the submission may have been stored. Look for it before you repeat it."""

    code = "outcome_unknown"
    retryable = True


class StorageFull(TriageError):
    """Redis has reached its memory limit."""

    code = "storage_full"
    retryable = True


class StoreFault(TriageError):
    """Something went wrong here."""

    code = "store_fault"


class ConfigurationInvalid(TriageError):
    """The configuration is not valid."""

    code = "configuration_invalid"
