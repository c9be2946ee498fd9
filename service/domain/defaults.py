"""The JSON form of JobSpec: defaults of a job type laid under what a client sent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from service.domain.job import JobSpec, Unique, UniqueUntil
from service.domain.retry import RetryPolicy


def retry_policy(document: Mapping[str, Any], below: RetryPolicy | None = None) -> RetryPolicy:
    """A policy from its JSON form; what the document does not say is taken from `below`."""
    below = below or RetryPolicy()
    return RetryPolicy(
        max_attempts=document.get("max_attempts", below.max_attempts),
        backoff=document.get("backoff", below.backoff),
        delay_ms=_milliseconds(document, "delay_seconds", below.delay_ms),
        max_delay_ms=_milliseconds(document, "max_delay_seconds", below.max_delay_ms),
        jitter=document.get("jitter", below.jitter),
    )


def apply_defaults(spec: JobSpec, defaults: Mapping[str, Any]) -> JobSpec:
    """The spec with every field that the defaults set; null turns `expires` and `deadline` off."""
    if not defaults:
        return spec
    changes: dict[str, Any] = {
        field: defaults[field] for field in ("queue", "priority") if defaults.get(field) is not None
    }
    for field in ("timeout", "retention"):
        if (seconds := defaults.get(f"{field}_seconds")) is not None:
            changes[f"{field}_ms"] = round(seconds * 1000)
    for field in ("expires", "deadline"):
        if f"{field}_seconds" in defaults:
            seconds = defaults[f"{field}_seconds"]
            changes[f"{field}_ms"] = None if seconds is None else round(seconds * 1000)
    if (retry := defaults.get("retry")) is not None:
        changes["retry"] = retry_policy(retry, spec.retry)
    return replace(spec, **changes)


def merge_defaults(
    spec: JobSpec,
    job_type: Mapping[str, Any],
    queues: Mapping[str, Mapping[str, Any]],
    queue: str | None = None,
) -> JobSpec:
    """Defaults of the queue, overridden by the job type's; `queue` is the one that the client requested."""
    name = queue or job_type.get("queue", spec.queue)
    return apply_defaults(apply_defaults(spec, queues.get(name, {})), job_type)


def specify(
    document: Mapping[str, Any], job_type: Mapping[str, Any], queues: Mapping[str, Mapping[str, Any]]
) -> JobSpec:
    """A job from the JSON form of JobSpec, already validated, over the defaults of its type and queue."""
    laid = merge_defaults(JobSpec(name=document["name"]), job_type, queues, document.get("queue"))
    spec = apply_defaults(laid, document)
    unique = document.get("unique")
    return replace(
        spec,
        payload=orjson.dumps(document.get("payload", {})),
        delay_ms=_milliseconds(document, "delay_seconds", 0),
        tags=document.get("tags", {}),
        limit_key=document.get("limit_key"),
        unique=None if unique is None else _unique(unique),
    )


def _unique(document: Mapping[str, Any]) -> Unique:
    until: UniqueUntil | float = document.get("until", "finished")
    return Unique(
        document["key"],
        max(1, round(until * 1000)) if isinstance(until, int | float) else until,
        document.get("on_conflict", "return_existing"),
    )


def _milliseconds(document: Mapping[str, Any], field: str, otherwise: int) -> int:
    value = document.get(field)
    return otherwise if value is None else round(value * 1000)
