"""Shared by POST /v1/bulk-actions and POST /v1/dlq/retry: checks, creation, dry runs, and the resource."""

import hashlib
from typing import Any

from fastapi import Request, Response

from service.api.context import RequestContext
from service.api.responses import rendering
from service.api.responses.errors import ValidationFailed
from service.api.schemas.bulk_actions import FilterIn
from service.domain.bulk_action import ELIGIBLE, BulkAction, BulkSpec
from service.domain.errors import BackendUnavailable, OutcomeUnknown
from service.domain.job_filter import JobFilter
from service.store.jobs import Idempotency


def check(spec: BulkSpec, given: FilterIn) -> None:
    """Raises ValidationFailed for a filter that would select every job by omission."""
    rows: list[dict[str, str]] = []
    if not any(given.model_dump().values()):
        rows.append({"pointer": "/filter", "code": "empty", "message": "set at least one filter"})
    if given.flow_id and given.fan_out_id:
        rows.append(
            {"pointer": "/filter", "code": "conflict", "message": "set flow_id or fan_out_id, not both"}
        )
    if len(spec.filter.tags) < len(set(given.tag or [])):
        rows.append(
            {"pointer": "/filter/tag", "code": "conflict", "message": "give each tag key only one value"}
        )
    state = spec.filter.state
    if state is not None and state not in ELIGIBLE[spec.verb]:
        message = f"{spec.verb} cannot apply to {state} jobs"
        rows.append({"pointer": "/filter/state", "code": "unsupported", "message": message})
    if rows:
        raise ValidationFailed(errors=rows)


async def begin(request: Request, context: RequestContext, spec: BulkSpec, key: str | None) -> Response:
    """Respond 202 with the action as first accepted."""
    idempotency = None
    if key is not None:
        digest = hashlib.sha256(await request.body()).hexdigest()
        idempotency = Idempotency(f"POST {request.url.path}", key, digest)
    id = context.app_state.ids.new("act")
    try:
        created = await context.namespace.bulk_actions.create(id, spec, idempotency)
    except (BackendUnavailable, OutcomeUnknown) as error:
        raise type(error)(error.message, bulk_action_id=id) from error
    return respond(created.action, 202, {"Idempotency-Replayed": "true"} if created.replayed else {})


async def preview(context: RequestContext, spec: BulkSpec) -> Response:
    """Respond 200 with the number of jobs that match now."""
    matched, complete = await context.namespace.bulk_actions.count(spec)
    document = {
        "dry_run": True,
        "action": spec.verb,
        "filter": _filter(spec.filter),
        "matched": matched,
        "at_least": not complete,
    }
    return rendering.respond(document)


def respond(action: BulkAction, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    given = {"ETag": rendering.etag(action.version), "Location": f"/v1/bulk-actions/{action.id}"}
    return rendering.respond(resource(action), status, {**given, **(headers or {})})


def resource(action: BulkAction) -> dict[str, Any]:
    return {
        "id": action.id,
        "object": "bulk_action",
        "version": action.version,
        "state": action.state,
        "action": action.spec.verb,
        "filter": _filter(action.spec.filter),
        "rate_per_second": action.spec.rate_per_second,
        "max": action.spec.max,
        "counts": {
            "matched": action.succeeded + action.skipped,
            "succeeded": action.succeeded,
            "skipped": action.skipped,
        },
        "created_at": rendering.time(action.created_at),
        "finished_at": rendering.time(action.finished_at),
    }


def _filter(filter: JobFilter) -> dict[str, Any]:
    group = filter.group_id or ""
    return {
        "queue": filter.queue,
        "state": filter.state,
        "name": filter.name,
        "tag": [f"{key}:{value}" for key, value in filter.tags.items()] or None,
        "reason": filter.reason,
        "flow_id": group if group.startswith("flow_") else None,
        "fan_out_id": group if group.startswith("fan_") else None,
        "created_after": rendering.time(filter.created_after),
        "created_before": rendering.time(filter.created_before),
        "fingerprint": filter.fingerprint,
    }
