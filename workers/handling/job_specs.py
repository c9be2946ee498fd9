"""JobSpecs that handlers ask for: defaults of the job type, what the handler says, the trace of its run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import Annotated, Any

from pydantic import AwareDatetime, Field

from service.domain.catalogue import JobType
from service.domain.defaults import apply_defaults, merge_defaults
from service.domain.job import JobSpec
from service.telemetry.spans import CURRENT
from workers.calls.results import encode_json
from workers.handler import MAX_SECONDS, JobDefaults, JobName
from workers.handling.registry import Registry

_TagKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$")]
_TagValue = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")]


class _Given(JobDefaults):
    """A JobSpec in its JSON form, as handlers write it."""

    name: JobName
    payload: dict[str, Any] = Field(default_factory=dict)
    delay_seconds: Annotated[float, Field(ge=0, le=MAX_SECONDS)] = 0
    run_at: Annotated[AwareDatetime, Field(strict=False)] | None = None
    tags: Annotated[dict[_TagKey, _TagValue], Field(max_length=16, default_factory=dict)]
    limit_key: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f|,]{1,255}$")] | None = None


def encode_payload(registry: Registry, payload: Mapping[str, Any]) -> bytes:
    """JSON text of a payload; raises ValueError for what the API would refuse."""
    text = encode_json(payload)
    if len(text) > registry.max_payload_bytes:
        raise ValueError(
            f"Payload is {len(text):,} bytes; the limit is {registry.max_payload_bytes:,}."
            " Store large data elsewhere and pass a reference."
        )
    return text


def specify(
    registry: Registry,
    name: str,
    payload: bytes,
    overrides: Mapping[str, Any],
    queues: Mapping[str, Mapping[str, Any]] | None = None,
    published: JobType | None = None,
) -> JobSpec:
    """`overrides` are fields of JobSpec; they override the job type's defaults, which override the queue's.

    `published` is the type as other workers know it, for one that this worker does not know.
    """
    handler = registry.find(name) or published
    redact = None if handler is None else handler.redact
    spec = JobSpec(name=name, payload=payload, traceparent=CURRENT.get(), redact=redact)
    spec = merge_defaults(spec, handler.defaults if handler else {}, queues or {}, overrides.get("queue"))
    return replace(spec, **overrides)


def read_spec(
    registry: Registry, document: Mapping[str, Any], queues: Mapping[str, Mapping[str, Any]]
) -> JobSpec:
    """A JobSpec from its JSON form; raises ValueError for what the API would refuse."""
    given = _Given.model_validate(dict(document))
    queue = {} if given.queue is None else {"queue": given.queue}
    spec = specify(registry, given.name, encode_payload(registry, given.payload), queue, queues)
    spec = apply_defaults(spec, given.model_dump(include=set(JobDefaults.model_fields), exclude_unset=True))
    run_at = None if given.run_at is None else round(given.run_at.astimezone(UTC).timestamp() * 1000)
    return replace(
        spec,
        delay_ms=round(given.delay_seconds * 1000),
        run_at_ms=run_at,
        tags=given.tags,
        limit_key=given.limit_key,
    )
