"""Defaults of a job type, in the JSON form of JobSpec, laid under what a client sent."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from service.domain.job import JobSpec
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
    """The spec with every field that the defaults name."""
    changes: dict[str, Any] = {field: defaults[field] for field in ("queue", "priority") if field in defaults}
    for field in ("timeout", "retention", "expires", "deadline"):
        if (seconds := defaults.get(f"{field}_seconds")) is not None:
            changes[f"{field}_ms"] = round(seconds * 1000)
    if "retry" in defaults:
        changes["retry"] = retry_policy(defaults["retry"], spec.retry)
    return replace(spec, **changes)


def lay_defaults(
    spec: JobSpec,
    job_type: Mapping[str, Any],
    queues: Mapping[str, Mapping[str, Any]],
    queue: str | None = None,
) -> JobSpec:
    """Defaults of the queue, over them those of the job type; `queue` is where the client wants the job."""
    name = queue or job_type.get("queue", spec.queue)
    return apply_defaults(apply_defaults(spec, queues.get(name, {})), job_type)


def _milliseconds(document: Mapping[str, Any], field: str, otherwise: int) -> int:
    value = document.get(field)
    return otherwise if value is None else round(value * 1000)
