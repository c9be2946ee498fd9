"""What the client raises. `problems` has an ApiError for each code of the API."""

import re
from collections.abc import Mapping, Sequence
from typing import Any


class TriageError(Exception):
    """The base of every exception of this client."""


class ConfigurationError(TriageError, ValueError):
    """The URL, the key or the proxy settings cannot be used."""


class NotLoaded(TriageError):
    """The handle has an id only: nothing of the resource has been read yet."""


class NoResponse(TriageError):
    """The API did not respond, even after retries: no connection, or a broken one, or a timeout."""

    def __init__(self, message: str, *, maybe_applied: bool) -> None:
        super().__init__(message)
        #: Whether the API may have received the request all the same.
        self.maybe_applied = maybe_applied


class UnexpectedResponse(TriageError):
    """A response that is not from Triage, such as a proxy's page of HTML."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ApiError(TriageError):
    """An error response of the API. Catch the class of a code, such as `NotFound`, or decide by `code`."""

    def __init__(self, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        #: The whole problem document; some codes add members, such as `current_state`.
        self.problem = problem
        self.status: int = problem["status"]
        self.code: str = problem["code"]
        self.detail: str = problem.get("detail", "")
        #: The invalid fields, each with `pointer`, `code` and `message`.
        self.errors: Sequence[Mapping[str, str]] = problem.get("errors") or []
        #: Whether the same request can succeed later. The client has already repeated it, if that was safe.
        self.retryable: bool = bool(problem.get("retryable"))
        self.request_id: str | None = problem.get("request_id")
        #: The response's Retry-After, in seconds.
        self.retry_after = retry_after
        fields = [f"{row.get('pointer')}: {row.get('message')}" for row in self.errors[:10]]
        super().__init__("\n  ".join([f"{self.status} {self.code}: {self.detail}", *fields]))


class JobNotSucceeded(TriageError):
    """The job finished without a result."""

    def __init__(self, job_id: str, reason: str | None, error: Mapping[str, Any] | None, text: str) -> None:
        super().__init__(text)
        self.job_id = job_id
        #: The job's `state_reason`.
        self.reason = reason
        #: The last failure: `type`, `message`, `retryable` and `attempt`.
        self.error = error


class JobDead(JobNotSucceeded):
    """The job gave up; it is in the dead-letter queue."""


class JobCancelled(JobNotSucceeded):
    """The job was cancelled."""


class WaitTimeout(TriageError, TimeoutError):
    """It did not finish in the time that the caller gave."""


class ItemsRejected(TriageError):
    """The fan-out has invalid items, and the client has cancelled it."""

    def __init__(self, fan_out_id: str, rejected: Sequence[Mapping[str, Any]]) -> None:
        self.fan_out_id = fan_out_id
        #: Each with its `index` and its `problem`.
        self.rejected = rejected
        # A pointer begins with the item's place in the request, which is not its index.
        in_request = re.compile("^/items/[0-9]+")
        rows = [
            f"item {item['index']}{in_request.sub('', row.get('pointer', ''))}: {row.get('message')}"
            for item in rejected[:10]
            for row in item["problem"].get("errors") or [{"message": item["problem"].get("detail")}]
        ]
        super().__init__("\n  ".join([f"{fan_out_id} is cancelled: {len(rejected)} invalid items", *rows]))
