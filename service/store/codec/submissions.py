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
from service.store.codec.jobs import REPLAYED, decode_options

#: The fields of the record of an idempotency key.
REPLAY = ("request", "id", "at", "options", "admitted", "spec")
_CREATED = (SubmitResult.CREATED, SubmitResult.DUPLICATE, SubmitResult.REPLAYED, SubmitResult.REPLACED)
_RECORDED = [
    field.name
    for field in fields_of(JobSpec)
    if field.name not in (*OPTIONS, *REPLAYED, "payload", "failures")
]


def encode_spec(spec: JobSpec) -> bytes:
    """The fields that a replay needs when the request does not contain them; `options` has the others."""
    fields = {field: getattr(spec, field) for field in _RECORDED}
    return orjson.dumps({**fields, "payload": spec.payload.decode()})


def decode_spec(text: bytes) -> JobSpec:
    fields = orjson.loads(text)
    return JobSpec(payload=fields.pop("payload").encode(), **fields)


def created_job(id: str, spec: JobSpec, at: int, options: bytes, admitted: bytes | None = None) -> Job:
    """The job as its submission stored it, rebuilt without reading it.

    `admitted` says what its unique key changed: the job replaced another one, or waits for one.
    """
    stored = orjson.loads(options)
    due = spec.run_at_ms if spec.run_at_ms is not None else at + spec.delay_ms
    waits = due > at
    job = Job(
        id=id,
        version=1,
        name=spec.name,
        queue=stored["queue"],
        state=State.SCHEDULED if waits else State.QUEUED,
        priority=stored["priority"],
        payload=spec.payload,
        created_at=at,
        run_at=due if waits else at,
        **decode_options(stored),
        retention_ms=stored["retention_ms"],
        queued_at=None if waits else at,
        expires_at=None if spec.expires_ms is None else at + spec.expires_ms,
        deadline_at=None if spec.deadline_ms is None else at + spec.deadline_ms,
        expires_ms=spec.expires_ms,
        deadline_ms=spec.deadline_ms,
        tags=spec.tags,
        limit_key=spec.limit_key,
    )
    return job if admitted is None else _admitted(job, *admitted.decode().split(" "))


def decode_submitted(spec: JobSpec, reply: Sequence[Any]) -> Submitted:
    """The result of a row of submit.lua, which does not contain the holder of a unique key."""
    word, id, *created = reply
    result, job_id = SubmitResult(word.decode()), id.decode()
    if result not in _CREATED:
        return Submitted(result, job_id, None)
    at, options, *admitted = created
    job = created_job(job_id, spec, int(at), options, admitted[0] if admitted else None)
    return Submitted(result, job_id, job)


def decode_replay(row: Sequence[Any], digest: str) -> Submitted | None:
    """The result in the record of an idempotency key, for a request with this digest."""
    request, id, at, options, admitted, spec = row
    if request is None:
        return None
    job_id = id.decode()
    if request.decode() != digest:
        return Submitted(SubmitResult.REUSED, job_id, None)
    job = created_job(job_id, decode_spec(spec), int(at), options, admitted)
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
