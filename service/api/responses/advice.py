"""Says more about an error than the code that raises it knows: which resource, which action, what to do."""

from collections.abc import Iterable, Mapping
from typing import Any

from service.domain.errors import InvalidState, NotFound, TriageError
from service.domain.similar import similar

#: By the part of a path before a parameter: the resource, and where to find those that exist.
_RESOURCES: Mapping[str, tuple[str, str]] = {
    "jobs": ("job", "Triage forgets a finished job when its retention ends."),
    "flows": ("flow", "GET /v1/flows lists them."),
    "fan-outs": ("fan-out", "GET /v1/fan-outs lists them."),
    "queues": ("queue", "GET /v1/queues lists them; a queue exists while it has jobs or settings."),
    "schedules": ("schedule", "GET /v1/schedules lists them."),
    "workers": ("worker", "GET /v1/workers lists them."),
    "bulk-actions": ("bulk action", "GET /v1/bulk-actions lists them."),
    "dlq": ("dead job", "GET /v1/dlq lists them."),
}
#: By operation: what it requires of a job's state.
_REQUIRED: Mapping[str, str] = {
    "update_job": "Only an unfinished job can be changed.",
    "cancel_job": "Only an unfinished job can be cancelled.",
    "delete_job": "Only a finished job can be deleted: cancel it first.",
    "run_job_now": "Only a scheduled or retrying job can be run now.",
    "retry_job": "Only a dead or cancelled job can be retried: submit a new one.",
    "retry_dead_letter": "Only a dead or cancelled job can be retried: submit a new one.",
    "delete_dead_letter": "Only a dead job is in the dead-letter queue.",
}
#: Longer paths get no suggestion, since a client may send any.
_LONGEST_PATH, _MOST_PARTS = 200, 8


def advise(error: TriageError, scope: Mapping[str, Any]) -> str:
    """The detail of an error of the request with this scope."""
    route = scope.get("route")
    if isinstance(error, InvalidState) and error.message.startswith("The job is "):
        return f"{error.message} {_REQUIRED.get(getattr(route, 'name', ''), '')}".rstrip()
    if type(error) is NotFound and error.message == NotFound.default_message:
        return _missing(scope["path"]) or error.message
    return error.message


def _missing(path: str) -> str | None:
    match path.split("/"):
        # Without the name, which `instance` has: it may be a secret in the wrong place.
        case ["", "v1", kind, name, *_] if kind in _RESOURCES and name:
            resource, hint = _RESOURCES[kind]
            return f"There is no such {resource}. {hint}"
        case _:
            return None


def no_such_path(path: str, known: Iterable[str]) -> str:
    """The detail for a path that no operation has."""
    found = _closest(path, known) if len(path) <= _LONGEST_PATH else None
    hint = f"Did you mean {found}?" if found else "GET /docs shows all operations."
    return f"There is no such path. {hint}"


def _closest(path: str, known: Iterable[str]) -> str | None:
    parts = [part for part in path.split("/") if part]
    if not parts or len(parts) > _MOST_PARTS:
        return None
    for given in (parts, ["v1", *parts]):
        same = [template.split("/")[1:] for template in known if template.count("/") == len(given)]
        for place, part in enumerate(given):
            words = {template[place] for template in same}
            if part not in words:
                close = similar(part, [word for word in words if not word.startswith("{")], 1)
                part = close[0] if close else next((word for word in words if word.startswith("{")), "")
            given[place] = given[place] if part.startswith("{") else part
            same = [template for template in same if template[place] == part]
        if same:
            return "/" + "/".join(given)
    return None
