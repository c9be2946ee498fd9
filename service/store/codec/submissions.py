"""Rebuilds the result of a submission from its record."""

from collections.abc import Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any

import orjson

from service.domain.job import Job
from service.domain.job_spec import OPTIONS, JobSpec
from service.domain.results import SubmitResult, Submitted
from service.domain.states import State
from service.store.codec.jobs import decode_options, shown
from service.store.codec.traits import decode_traits
from service.store.codec.webhooks.callbacks import decode_callback, encode_callback

#: The fields of the record of an idempotency key.
REPLAY = ("request", "id", "at", "options", "admitted", "traits", "spec")
_CREATED = (SubmitResult.CREATED, SubmitResult.DUPLICATE, SubmitResult.REPLAYED, SubmitResult.REPLACED)
_IN_TRAITS = ("name", "queue", "limit_key", "priority", "retention_ms")
_RECORDED = [
    field.name
    for field in fields_of(JobSpec)
    if field.name not in (*OPTIONS, *_IN_TRAITS, "payload", "failures")
]


def encode_spec(spec: JobSpec) -> bytes:
    """The fields that a replay needs when the request does not contain them; `options` has the others."""
    fields = {field: getattr(spec, field) for field in _RECORDED}
    return orjson.dumps(
        {**fields, "payload": spec.payload.decode(), "callback": encode_callback(spec.callback)}
    )


def decode_spec(text: bytes) -> JobSpec:
    """The spec that encode_spec recorded; as_stored() adds its name, traits and options."""
    fields = orjson.loads(text)
    fields["callback"] = decode_callback((fields.get("callback") or "").encode())
    return JobSpec(name="", payload=fields.pop("payload").encode(), **fields)


def as_stored(spec: JobSpec, traits: bytes, options: bytes) -> JobSpec:
    """A request as its first submission resolved it: defaults may have changed since."""
    of = decode_traits(traits)
    return replace(
        spec,
        name=of.name,
        queue=of.queue,
        limit_key=of.limit_key,
        priority=of.priority,
        retention_ms=of.retention_ms,
        **decode_options(options),
    )


def created_job(id: str, spec: JobSpec, at: int, admitted: bytes | None = None) -> Job:
    """The job as its submission stored it, rebuilt without reading it.

    `admitted` says what its unique key changed: the job replaced another one, or waits for one.
    """
    due = spec.run_at_ms if spec.run_at_ms is not None else at + spec.delay_ms
    waits = due > at
    job = Job(
        id=id,
        version=1,
        name=spec.name,
        queue=spec.queue,
        state=State.SCHEDULED if waits else State.QUEUED,
        priority=spec.priority,
        payload=spec.payload,
        created_at=at,
        run_at=due if waits else at,
        retry=spec.retry,
        timeout_ms=spec.timeout_ms,
        traceparent=spec.traceparent,
        redact=spec.redact,
        unique=shown(spec.unique),
        retention_ms=spec.retention_ms,
        queued_at=None if waits else at,
        expires_at=None if spec.expires_ms is None else at + spec.expires_ms,
        deadline_at=None if spec.deadline_ms is None else at + spec.deadline_ms,
        expires_ms=spec.expires_ms,
        deadline_ms=spec.deadline_ms,
        tags=spec.tags,
        limit_key=spec.limit_key,
        callback=spec.callback,
    )
    return job if admitted is None else _admitted(job, *admitted.decode().split(" "))


def decode_submitted(id: str, spec: JobSpec, reply: Any) -> Submitted:
    """The result of a row of submit.lua, which is a time if the job is as it was sent."""
    if isinstance(reply, int):
        return Submitted(SubmitResult.CREATED, id, created_job(id, spec, reply))
    word, found, at, options, admitted, traits = reply
    result, job_id = SubmitResult(word.decode()), found.decode()
    if result not in _CREATED:
        return Submitted(result, job_id, None)
    spec = as_stored(spec, traits, options)
    return Submitted(result, job_id, created_job(job_id, spec, int(at), admitted or None))


def decode_replay(row: Sequence[Any], digest: str) -> Submitted | None:
    """The result in the record of an idempotency key, for a request with this digest."""
    request, id, at, options, admitted, traits, spec = row
    if request is None:
        return None
    job_id = id.decode()
    if request.decode() != digest:
        return Submitted(SubmitResult.REUSED, job_id, None)
    job = created_job(job_id, as_stored(decode_spec(spec), traits, options), int(at), admitted)
    return Submitted(SubmitResult.REPLAYED, job_id, job)


def _admitted(job: Job, created_at: str, version: str, state: str, run_at: str) -> Job:
    return replace(
        job,
        created_at=int(created_at),
        version=int(version),
        state=State(state),
        run_at=int(run_at),
        queued_at=job.queued_at if state == State.QUEUED else None,
    )
