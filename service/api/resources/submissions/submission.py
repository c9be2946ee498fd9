"""Shared by submissions: the span, the JobSpec, and the digest for an Idempotency-Key."""

import hashlib
from typing import Literal

import orjson
from fastapi import Request

from service.api.auth.credentials import Caller
from service.api.context import RequestContext
from service.api.resources.submissions.unknown_types import refuse_unknown
from service.api.responses.errors import KeyRestricted
from service.api.schemas import jobs as schemas
from service.api.schemas.parts.fields import In
from service.api.time_slices import TimeSlices
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


def check_submission(caller: Caller, spec: JobSpec) -> None:
    """Raises KeyRestricted if a restricted key may not submit this job."""
    caller.require_reach(spec.queue, spec.name)
    replaces = spec.unique is not None and spec.unique.on_conflict == "replace"
    if replaces and caller.reach is not None and caller.reach.names is not None:
        # All job types of a queue share its unique keys.
        raise KeyRestricted(
            "The API key is restricted to some job types, and unique.on_conflict replace could replace a job"
            " of another one. Restrict the key to queues instead."
        )


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
    if job_type is None and context.app_state.settings.unknown_types != "warn":
        await refuse_unknown(context, body.name, f"{root}/name")
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
    context.app_state.memory.check(context.caller.namespace)
    if context.caller.reach is not None:
        check_submission(context.caller, spec)
    if job_type is not None and not partial:
        await types.check(job_type, body.payload, f"{root}/payload")
    return spec
