"""Between domain values and what Redis holds: hashes of text fields, JSON for what no script looks into."""

from collections.abc import Mapping, Sequence
from dataclasses import fields as fields_of
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from service.domain.job import Job
from service.domain.job_spec import OPTIONS, JobSpec, ResultForgotten, Unique
from service.domain.retry import RetryPolicy
from service.domain.states import State

Fields = Mapping[bytes, bytes]


def encode_tags(tags: Mapping[str, str]) -> str:
    """Keys hold no colon and values no NUL (the API refuses both), so the text can be split again."""
    return "\0".join(f"{key}:{value}" for key, value in tags.items())


def decode_tags(text: bytes | None) -> dict[str, str]:
    if not text:
        return {}
    return dict(pair.split(":", 1) for pair in text.decode().split("\0"))


def encode_options(spec: JobSpec) -> bytes:
    """What no script reads; also what an idempotent replay needs to answer as the first time."""
    return orjson.dumps(
        {
            **{field: getattr(spec, field) for field in (*OPTIONS, *_REPLAYED)},
            "retry": _encode_retry(spec.retry),
            "unique": spec.unique and _shown(spec.unique),
        }
    )


#: What scripts read, and a replay as well.
_REPLAYED = ("queue", "priority", "retention_ms")
_WISH = [
    field.name
    for field in fields_of(JobSpec)
    if field.name not in (*OPTIONS, *_REPLAYED, "payload", "failures")
]


def encode_spec(spec: JobSpec) -> bytes:
    """What an idempotent replay needs beside the options where the request itself does not say it."""
    fields = {field: getattr(spec, field) for field in _WISH}
    return orjson.dumps({**fields, "payload": spec.payload.decode()})


def decode_spec(text: bytes) -> JobSpec:
    fields = orjson.loads(text)
    return JobSpec(payload=fields.pop("payload").encode(), **fields)


def with_retry(options: bytes, retry: RetryPolicy) -> bytes:
    return orjson.dumps(orjson.loads(options) | {"retry": _encode_retry(retry)})


def _encode_retry(retry: RetryPolicy) -> list[Any]:
    return [retry.max_attempts, retry.backoff, retry.delay_ms, retry.max_delay_ms, retry.jitter]


def pairs(flat: Sequence[bytes]) -> dict[bytes, bytes]:
    """A HGETALL reply that came through a script is a flat list."""
    each = iter(flat)
    return dict(zip(each, each, strict=True))


@lru_cache(maxsize=4096)
def _decode_options(text: bytes) -> Mapping[str, Any]:
    # Jobs of one type share their options to the byte, unless they carry a trace or a unique key.
    return _options(orjson.loads(text))


def _options(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: stored[name] for name in OPTIONS if name in stored},
        "retry": RetryPolicy(*stored["retry"]),
        "redact": _pointers(stored),
        "unique": _unique(stored),
    }


def _shown(unique: Unique) -> list[Any]:
    # The API knows no key that is held beyond the end of its job.
    until = "finished" if isinstance(unique.until, ResultForgotten) else unique.until
    return [unique.key, until, unique.on_conflict]


def _unique(options: Mapping[str, Any]) -> Unique | None:
    stored = options["unique"]
    return None if stored is None else Unique(*stored)


def _pointers(options: Mapping[str, Any]) -> tuple[str, ...] | None:
    pointers = options.get("redact")
    return None if pointers is None else tuple(pointers)


def decode_redact(options: bytes | None) -> tuple[str, ...] | None:
    """The pointers of a job whose other options are of no interest; None when nobody knew them."""
    return _decode_options(options)["redact"] if options else None


def join_payloads(shared: bytes, own: bytes) -> bytes:
    """An item's payload lies over that of the template, member by member."""
    try:
        return orjson.dumps(orjson.loads(shared) | orjson.loads(own))
    except (orjson.JSONDecodeError, TypeError):
        return own  # its handler will not read it, and the neighbours of its claim shall run


_STATES = {state.encode(): state for state in State}


def decode_job(id: str, fields: Fields, shared: bytes = b"") -> Job:
    """The job that a hash holds. Every claim of every worker passes here: it is written to be fast.

    `shared` is what its payload shares with those of other items of its fan-out.
    """
    get = fields.get
    group = _text(get(b"group"))
    in_flow = group is not None and group.startswith("flow_")
    in_fan_out = group is not None and not in_flow
    key = _text(get(b"key"))
    return Job(
        id=id,
        version=int(fields[b"version"]),
        name=fields[b"name"].decode(),
        queue=fields[b"queue"].decode(),
        state=_STATES[fields[b"state"]],
        priority=int(fields[b"priority"]),
        payload=join_payloads(shared, fields[b"payload"]) if shared else fields[b"payload"],
        created_at=int(fields[b"created_at"]),
        run_at=int(fields[b"run_at"]),
        **_decode_options(fields[b"options"]),
        retention_ms=int(fields[b"retention_ms"]),
        state_reason=_text(get(b"state_reason")),
        result=get(b"result"),
        error=get(b"error"),
        progress=get(b"progress"),
        failures=int(get(b"failures", 0)),
        interruptions=int(get(b"interruptions", 0)),
        crashes=int(get(b"crashes", 0)),
        deliveries=int(get(b"deliveries", 0)),
        deferrals=int(get(b"deferrals", 0)),
        redriven=int(get(b"redriven", 0)),
        payload_replaced=b"payload_replaced" in fields,
        queued_at=_number(get(b"queued_at")),
        started_at=_number(get(b"started_at")),
        finished_at=_number(get(b"finished_at")),
        expires_at=_number(get(b"expires_at")),
        deadline_at=_number(get(b"deadline_at")),
        expires_ms=_number(get(b"expires_ms")),
        deadline_ms=_number(get(b"deadline_ms")),
        cancel_requested_at=_number(get(b"cancel_requested_at")),
        cancel_message=_text(get(b"cancel_message")),
        worker_id=_text(get(b"worker_id")),
        tags=decode_tags(get(b"tags")),
        limit_key=_text(get(b"limit_key")),
        flow_id=group if in_flow else None,
        flow_key=key if in_flow else None,
        fan_out_id=group if in_fan_out else None,
        fan_out_index=_number(get(b"index")) if in_fan_out else None,
        item_key=key if in_fan_out else None,
    )


def created_job(id: str, spec: JobSpec, at: int, options: bytes, admitted: bytes | None = None) -> Job:
    """The job as its submission answered it: what was stored then, rebuilt without reading it.

    `admitted` says what its unique key changed: it took over another job, or waits behind one.
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
        **_options(stored),
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


def _admitted(job: Job, created_at: str, version: str, state: str, run_at: str) -> Job:
    return replace(
        job,
        created_at=int(created_at),
        version=int(version),
        state=State(state),
        run_at=int(run_at),
        queued_at=job.queued_at if state == State.QUEUED else None,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None or value == b"" else value.decode()


def _number(value: bytes | None) -> int | None:
    return None if value is None else int(value)
