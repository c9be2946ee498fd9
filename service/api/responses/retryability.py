"""Decides which error to return when Redis' reply to a write was lost: it says whether a retry is safe.

Only a submission without an Idempotency-Key creates a second job when retried. All other operations are
idempotent.
"""

from typing import Any

from fastapi.routing import APIRoute

from service.api.responses.errors import ShuttingDown
from service.domain.errors import BackendUnavailable, NotReplicated, OutcomeUnknown, StorageFull, TriageError

_KEY = "idempotency-key"


def for_client(error: TriageError, scope: Any) -> TriageError:
    """The error that this request's operation should return."""
    submits = _submits(scope.get("route"))
    if isinstance(error, OutcomeUnknown) and not submits:
        return BackendUnavailable("Redis did not respond in time. This request is safe to retry.")
    if isinstance(error, OutcomeUnknown | NotReplicated | ShuttingDown) and submits:
        # A copy, since submissions in the same round trip share the error.
        error = type(error)(error.message, **error.details)
        error.retryable = any(name == _KEY.encode() for name, _ in scope["headers"])
    return error


def after_a_part(error: TriageError) -> TriageError:
    """The error for a partly stored submission, which a client cannot retry as a whole."""
    if isinstance(error, BackendUnavailable | StorageFull):
        return OutcomeUnknown("Only part of the submission was stored.")
    return error


def _submits(route: Any) -> bool:
    return isinstance(route, APIRoute) and any(field.alias == _KEY for field in route.dependant.header_params)
