"""Decides what the response to a write says when Redis' reply was lost, and whether a retry is safe.

Only a submission without an Idempotency-Key runs twice when sent twice. Every other operation is idempotent:
a retry finds what the first request did.
"""

from typing import Any

from fastapi.routing import APIRoute

from service.api.responses.errors import ShuttingDown
from service.domain.errors import BackendUnavailable, OutcomeUnknown, StorageFull, TriageError

_KEY = "idempotency-key"


def for_client(error: TriageError, scope: Any) -> TriageError:
    """The error as this request's operation may return it."""
    submits = _submits(scope.get("route"))
    if isinstance(error, OutcomeUnknown) and not submits:
        return BackendUnavailable("Redis did not respond in time. This request is safe to retry.")
    if isinstance(error, OutcomeUnknown | ShuttingDown) and submits:
        # A copy: those whose submissions shared a round trip share its error.
        error = type(error)(error.message, **error.details)
        error.retryable = any(name == _KEY.encode() for name, _ in scope["headers"])
    return error


def after_a_part(error: TriageError) -> TriageError:
    """For a partly stored submission: a client cannot retry it like one that failed as a whole."""
    if isinstance(error, BackendUnavailable | StorageFull):
        return OutcomeUnknown("Only part of the submission was stored.")
    return error


def _submits(route: Any) -> bool:
    return isinstance(route, APIRoute) and any(field.alias == _KEY for field in route.dependant.header_params)
