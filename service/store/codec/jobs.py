"""The record of a job: a hash of text fields, with JSON for values that no script reads."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import orjson

from service.domain.fan_out import ItemResult
from service.domain.job import Job, JobStatus, Lease
from service.domain.job_spec import OPTIONS, JobSpec, ResultForgotten, Unique
from service.domain.results import Changed, ChangeResult
from service.domain.retry import RetryPolicy
from service.domain.states import State
from service.store.codec.fields import Fields, number, pairs, present, text

#: The fields that a filter needs; payload, result and error may be large.
OUTLINE = (
    "state", "version", "name", "queue", "priority", "created_at", "run_at", "options", "retention_ms",
    "state_reason", "finished_at", "tags", "group", "key", "index",
)  # fmt: skip
STATUS = ("version", "state", "state_reason", "progress", "name", "options")
END = ("state", "result", "error")
ITEM_RESULT = (*END, "key", "options")


#: Fields that scripts read, and that a replay needs as well.
REPLAYED = ("queue", "priority", "retention_ms")


def encode_tags(tags: Mapping[str, str]) -> str:
    """Keys hold no colon and values no NUL (the API refuses both), so the text can be split again."""
    return "\0".join(f"{key}:{value}" for key, value in tags.items())


def decode_tags(text: bytes | None) -> dict[str, str]:
    if not text:
        return {}
    return dict(pair.split(":", 1) for pair in text.decode().split("\0"))


def encode_options(spec: JobSpec) -> bytes:
    """The fields that no script reads, and those that a replay needs to build the first response again."""
    return orjson.dumps(
        {
            **{field: getattr(spec, field) for field in (*OPTIONS, *REPLAYED)},
            "retry": _encode_retry(spec.retry),
            "unique": spec.unique and _shown(spec.unique),
        }
    )


def with_retry(options: bytes, retry: RetryPolicy) -> bytes:
    return orjson.dumps(orjson.loads(options) | {"retry": _encode_retry(retry)})


def _encode_retry(retry: RetryPolicy) -> list[Any]:
    return [retry.max_attempts, retry.backoff, retry.delay_ms, retry.max_delay_ms, retry.jitter]


@lru_cache(maxsize=4096)
def _decode_options(text: bytes) -> Mapping[str, Any]:
    # Cached, because jobs of one type have identical options unless they carry a trace or a unique key.
    return decode_options(orjson.loads(text))


def decode_options(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{name: stored[name] for name in OPTIONS if name in stored},
        "retry": RetryPolicy(*stored["retry"]),
        "redact": _pointers(stored),
        "unique": _unique(stored),
    }


def _shown(unique: Unique) -> list[Any]:
    # The API does not offer keys that outlast their job.
    until = "finished" if isinstance(unique.until, ResultForgotten) else unique.until
    return [unique.key, until, unique.on_conflict]


def _unique(options: Mapping[str, Any]) -> Unique | None:
    stored = options["unique"]
    return None if stored is None else Unique(*stored)


def _pointers(options: Mapping[str, Any]) -> tuple[str, ...] | None:
    pointers = options.get("redact")
    return None if pointers is None else tuple(pointers)


def decode_redact(options: bytes | None) -> tuple[str, ...] | None:
    """The pointers to redact; None when no live worker knew the job type at the submission."""
    return _decode_options(options)["redact"] if options else None


def join_payloads(shared: bytes, own: bytes) -> bytes:
    """The item's payload, with the members of the template's that it lacks."""
    try:
        return orjson.dumps(orjson.loads(shared) | orjson.loads(own))
    except (orjson.JSONDecodeError, TypeError):
        return own  # Its handler fails on it, but other jobs of the same claim can run.


_STATES = {state.encode(): state for state in State}


def decode_job(id: str, fields: Fields, shared: bytes = b"") -> Job:
    """The job that a hash holds. Every claim of every worker calls this, so it is written for speed.

    `shared` is the common part of the payloads of its fan-out.
    """
    get = fields.get
    group = text(get(b"group"))
    in_flow = group is not None and group.startswith("flow_")
    in_fan_out = group is not None and not in_flow
    key = text(get(b"key"))
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
        state_reason=text(get(b"state_reason")),
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
        queued_at=number(get(b"queued_at")),
        started_at=number(get(b"started_at")),
        finished_at=number(get(b"finished_at")),
        expires_at=number(get(b"expires_at")),
        deadline_at=number(get(b"deadline_at")),
        expires_ms=number(get(b"expires_ms")),
        deadline_ms=number(get(b"deadline_ms")),
        cancel_requested_at=number(get(b"cancel_requested_at")),
        cancel_message=text(get(b"cancel_message")),
        worker_id=text(get(b"worker_id")),
        tags=decode_tags(get(b"tags")),
        limit_key=text(get(b"limit_key")),
        flow_id=group if in_flow else None,
        flow_key=key if in_flow else None,
        fan_out_id=group if in_fan_out else None,
        fan_out_index=number(get(b"index")) if in_fan_out else None,
        item_key=key if in_fan_out else None,
    )


def shares_with(row: Fields) -> str | None:
    """The id of the fan-out whose items share a part of their payloads with this job."""
    return row[b"group"].decode() if b"shared" in row else None


def decode_whole(id: str, row: Fields, shared: Mapping[str, bytes]) -> Job | None:
    """The job from all its fields, None when it does not exist; `shared` has payloads by fan-out."""
    if b"state" not in row:
        return None
    fan_out = shares_with(row)
    return decode_job(id, row, b"" if fan_out is None else shared[fan_out])


def decode_outline(id: str, values: Sequence[bytes | None]) -> Job | None:
    """The job from its fields OUTLINE."""
    fields = {b"payload": b"", **present(OUTLINE, values)}
    return decode_job(id, fields) if b"state" in fields else None


def decode_preview(id: str, row: Sequence[Any]) -> Job:
    """The job of a row of preview.lua, which omits large values and lists their names."""
    flat, cut, shared = row
    fields = {b"payload": b"", **pairs(flat)}
    whole = decode_job(id, fields, shared if fields[b"payload"] else b"")
    return replace(whole, truncated=tuple(cut.decode().split()))


def decode_status(values: Sequence[Any]) -> JobStatus | None:
    """The status from the fields STATUS."""
    version, state, reason, progress, name, options = values
    if state is None:
        return None
    return JobStatus(
        int(version), _STATES[state], text(reason), progress, name.decode(), decode_redact(options)
    )


def decode_lease(row: Sequence[Any]) -> Lease:
    """The lease of a row of claim.lua: the stored job and the fields that the claim has changed."""
    id, read, written, starts_in_us, shared, state, version = row
    fields = {**pairs(read), **pairs(written), b"state": state, b"version": version}
    job = decode_job(id.decode(), fields, shared)
    return Lease(job, fields[b"token"].decode(), b"suspect" in fields, starts_in_us)


def decode_end(job: Sequence[Any], stub: Sequence[Any]) -> tuple[State, bytes | None, bytes | None] | None:
    """State, result and error of the job, or of the record that remains of a deleted one."""
    state, result, error = job if job[0] is not None else stub
    return None if state is None else (_STATES[state], result or None, error or None)


def decode_item_result(index: int, job_id: str, job: Sequence[Any], stub: Sequence[Any]) -> ItemResult | None:
    """The result of an item from its fields ITEM_RESULT; None when the job was pruned."""
    state, result, error, key, options = job if job[0] is not None else stub
    if state is None:
        return None
    return ItemResult(
        index, text(key), job_id, _STATES[state], result or None, error or None, decode_redact(options)
    )


def decode_changes(rows: Sequence[Any]) -> list[Changed]:
    """Rows of cancel.lua, requeue.lua and update.lua."""
    return [
        Changed(
            ChangeResult(word.decode()),
            _STATES[state] if state else None,
            int(version),
            text(holder[0]) if holder else None,
        )
        for word, state, version, *holder in rows
    ]
