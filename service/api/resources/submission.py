"""Shared by submissions: the span, the JobSpec, and the digest for an Idempotency-Key."""

import hashlib
from typing import Literal

import orjson
from fastapi import Request

from service.api.context import RequestContext
from service.api.requests.time_slices import TimeSlices
from service.api.schemas import jobs as schemas
from service.api.schemas.parts.fields import In
from service.domain import job_spec
from service.domain.callback import Callback, Kind, read_callback
from service.domain.job_spec import JobSpec
from service.telemetry import spans
from service.telemetry.spans import Span

#: How many bytes to hash per step.
_HASHED = 1_048_576


def begin_submission(context: RequestContext, name: str) -> Span:
    """The parent span of the submitted jobs; without OpenTelemetry it stands in for the request's parent."""
    parent, tracer = spans.CURRENT.get(), context.app_state.tracer
    return spans.PassedOn(parent) if tracer is None else tracer.start(name, "producer", parent, {})


async def body_digest(request: Request) -> str:
    """The SHA-256 of the body, which must be the same whenever an Idempotency-Key is reused."""
    digest, body, slices = hashlib.sha256(), memoryview(await request.body()), TimeSlices()
    for start in range(0, len(body), _HASHED):
        digest.update(body[start : start + _HASHED])
        await slices.pause()
    return digest.hexdigest()


def read_callback_of(body: In | None, kind: Kind) -> Callback | None:
    """The callback of a flow or fan-out; raises SpecInvalid."""
    return None if body is None else read_callback(body.given(), "/callback", kind)


async def specify(
    context: RequestContext,
    body: schemas.JobSpecIn,
    traceparent: str | None,
    root: str = "",
    *,
    inside: Literal["flow", "fan-out"] | None = None,
    partial: bool = False,
) -> JobSpec:
    """`partial` skips the check against the schema, because the payload is still incomplete."""
    types = context.namespace_state.types
    job_type = types.known(body.name)

    def encode(payload: object) -> bytes:
        text = orjson.dumps(payload)
        context.app_state.metrics.http.payload(context.caller.namespace, len(text))
        return text

    spec = job_spec.specify(
        body.given(),
        job_type,
        types.queue_defaults,
        root=root,
        inside=inside,
        encode=encode,
        max_payload_bytes=context.app_state.settings.max_payload_bytes,
        traceparent=traceparent,
    )
    if job_type is not None and not partial:
        await types.check(job_type, body.payload, f"{root}/payload")
    return spec
