"""JobSpecs that handlers ask for: defaults of the job type, what the handler says, the trace of its run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Annotated, Any

import orjson
from pydantic import AwareDatetime, Field

from service.domain.defaults import apply_defaults, lay_defaults
from service.domain.job import JobSpec
from service.tracing import CURRENT
from workers.handler import JobDefaults, JobName
from workers.registry import Registry


class _Given(JobDefaults):
    """A JobSpec in its JSON form, as handlers write it."""

    name: JobName
    payload: dict[str, Any] = Field(default_factory=dict)
    delay_seconds: Annotated[float, Field(ge=0, le=315_360_000)] = 0
    run_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    tags: Annotated[dict[str, str], Field(max_length=16, default_factory=dict)]
    limit_key: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f|,]{1,255}$")] | None = None


def specify(
    registry: Registry,
    name: str,
    payload: bytes,
    overrides: Mapping[str, Any],
    queues: Mapping[str, Mapping[str, Any]] | None = None,
) -> JobSpec:
    """`overrides` are fields of JobSpec, over the defaults of the job type, over those of the queue."""
    handler = registry.find(name)
    redact = None if handler is None else handler.redact
    spec = JobSpec(name=name, payload=payload, traceparent=CURRENT.get(), redact=redact)
    spec = lay_defaults(spec, handler.defaults if handler else {}, queues or {}, overrides.get("queue"))
    return replace(spec, **overrides)


def read_spec(
    registry: Registry, document: Mapping[str, Any], queues: Mapping[str, Mapping[str, Any]]
) -> JobSpec:
    """A JobSpec from its JSON form; raises ValueError for what the API would refuse."""
    given = _Given.model_validate(dict(document))
    queue = {} if given.queue is None else {"queue": given.queue}
    spec = specify(registry, given.name, orjson.dumps(given.payload), queue, queues)
    spec = apply_defaults(spec, given.model_dump(include=set(JobDefaults.model_fields), exclude_unset=True))
    run_at = None if given.run_at is None else round(given.run_at.astimezone(UTC).timestamp() * 1000)
    return replace(
        spec,
        delay_ms=round(given.delay_seconds * 1000),
        run_at_ms=run_at,
        tags=given.tags,
        limit_key=given.limit_key,
    )
