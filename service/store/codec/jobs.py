"""The record of a job: a hash of text fields, with JSON for values that no script reads."""

from collections.abc import Callable, Mapping, Sequence
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
from service.store.codec.fields import Fields, joined, number, pairs, piece_names, present, text
from service.store.codec.traits import decode_traits
from service.store.codec.webhooks.callbacks import decode_callback

#: The fields that a filter needs; payload, result and error may be large.
OUTLINE = (
    "state", "version", "traits", "created_at", "run_at", "state_reason", "finished_at", "tags", "key",
    "index", "fingerprint", *piece_names("options"),
)  # fmt: skip
STATUS = ("version", "state", "state_reason", "progress", "traits", *piece_names("options"))
END = ("state", *piece_names("result"), *piece_names("error"))
ITEM_RESULT = (*END, "key", *piece_names("options"))
OPTIONS_TEXT = piece_names("options")
#: Fields that a worker hands back with its lease, so that a finish need not read them again.
_HANDED_BACK = (b"unique", b"unique_until", b"expiry", b"linked", b"callback")


def encode_tags(tags: Mapping[str, str]) -> str:
    """Keys hold no colon and values no NUL (the API refuses both), so the text can be split again."""
    return "\0".join(f"{key}:{value}" for key, value in tags.items())


def decode_tags(text: bytes | None) -> dict[str, str]:
    if not text:
        return {}
    return dict(pair.split(":", 1) for pair in text.decode().split("\0"))


def encode_options(spec: JobSpec) -> bytes:
    """The fields that no script reads and that differ from their defaults, if any."""
    given = ((field, getattr(spec, field)) for field in OPTIONS)
    options = {
        field: _ENCODERS[field](value) if field in _ENCODERS else value
        for field, value in given
        if value != _DEFAULTS[field]
    }
    return orjson.dumps(options) if options else b""


def with_retry(fields: Sequence[bytes | None], retry: RetryPolicy) -> bytes:
    """The options from the fields OPTIONS_TEXT, with another retry policy."""
    stored = joined(present(OPTIONS_TEXT, fields), b"options")
    return orjson.dumps({**(orjson.loads(stored) if stored else {}), "retry": _encode_retry(retry)})


def _encode_retry(retry: RetryPolicy) -> list[Any]:
    return [retry.max_attempts, retry.backoff, retry.delay_ms, retry.max_delay_ms, retry.jitter]


def _encode_unique(unique: Unique) -> list[Any]:
    return [
        unique.key,
        "finished" if isinstance(unique.until, ResultForgotten) else unique.until,
        unique.on_conflict,
    ]


_DEFAULTS: Mapping[str, Any] = {field: getattr(JobSpec(""), field) for field in OPTIONS}
_ENCODERS: Mapping[str, Callable[[Any], Any]] = {"retry": _encode_retry, "unique": _encode_unique}
_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "retry": lambda stored: RetryPolicy(*stored),
    "redact": tuple,
    "unique": lambda stored: Unique(*stored),
}


@lru_cache(maxsize=4096)
def _decode_options(text: bytes) -> Mapping[str, Any]:
    # Cached, because jobs of one type have identical options unless they carry a trace or a unique key.
    return decode_options(text)


def decode_options(text: bytes) -> dict[str, Any]:
    """Options as attributes of JobSpec and Job."""
    stored: dict[str, Any] = orjson.loads(text) if text else {}
    return {
        **_DEFAULTS,
        **{name: _DECODERS[name](value) if name in _DECODERS else value for name, value in stored.items()},
    }


def shown(unique: Unique | None) -> Unique | None:
    """A key as the API shows it: the API does not offer keys that outlast their job."""
    if unique is None or not isinstance(unique.until, ResultForgotten):
        return unique
    return replace(unique, until="finished")


def decode_redact(options: bytes | None) -> tuple[str, ...] | None:
    """The pointers to redact; None when no live worker knew the job type at the submission."""
    return _decode_options(options or b"")["redact"]


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
    queue, name, limit_key, priority, retention_ms, group = decode_traits(fields[b"traits"])
    payload, created_at = joined(fields, b"payload") or b"", int(fields[b"created_at"])
    queued_at = get(b"queued_at")
    in_flow = group is not None and group.startswith("flow_")
    in_fan_out = group is not None and not in_flow
    key = text(get(b"key"))
    return Job(
        id=id,
        version=int(get(b"version", 1)),
        name=name,
        queue=queue,
        state=_STATES[fields[b"state"]],
        priority=priority,
        payload=join_payloads(shared, payload) if shared else payload,
        created_at=created_at,
        run_at=int(get(b"run_at", created_at)),
        **_decode_options(joined(fields, b"options") or b""),
        retention_ms=retention_ms,
        state_reason=text(get(b"state_reason")),
        result=joined(fields, b"result"),
        error=joined(fields, b"error"),
        progress=get(b"progress"),
        failures=int(get(b"failures", 0)),
        interruptions=int(get(b"interruptions", 0)),
        crashes=int(get(b"crashes", 0)),
        deliveries=int(get(b"token", b"0").partition(b":")[0]),
        deferrals=int(get(b"deferrals", 0)),
        redriven=int(get(b"redriven", 0)),
        payload_replaced=b"payload_replaced" in fields,
        # Absent if the job was queued on arrival, empty if it has never been queued.
        queued_at=created_at if queued_at is None else int(queued_at) if queued_at else None,
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
        limit_key=limit_key,
        callback=decode_callback(joined(fields, b"callback")) if b"callback" in fields else None,
        flow_id=group if in_flow else None,
        flow_key=key if in_flow else None,
        fan_out_id=group if in_fan_out else None,
        fan_out_index=number(get(b"index")) if in_fan_out else None,
        item_key=key if in_fan_out else None,
        fingerprint=text(get(b"fingerprint")),
    )


def shares_with(row: Fields) -> str | None:
    """The id of the fan-out whose items share a part of their payloads with this job."""
    return decode_traits(row[b"traits"]).group if b"shared" in row else None


def decode_whole(id: str, row: Fields, shared: Mapping[str, bytes]) -> Job | None:
    """The job from all its fields, None when it does not exist; `shared` has payloads by fan-out."""
    if b"state" not in row:
        return None
    fan_out = shares_with(row)
    return decode_job(id, row, b"" if fan_out is None else shared[fan_out])


def decode_outline(id: str, values: Sequence[bytes | None]) -> Job | None:
    """The job from its fields OUTLINE."""
    fields = present(OUTLINE, values)
    return decode_job(id, fields) if b"state" in fields else None


def decode_preview(id: str, row: Sequence[Any]) -> Job:
    """The job of a row of preview.lua, which omits large values and lists their names."""
    flat, cut, shared = row
    fields = pairs(flat)
    whole = decode_job(id, fields, shared if b"payload" in fields else b"")
    return replace(whole, truncated=tuple(cut.decode().split()))


def decode_status(values: Sequence[Any]) -> JobStatus | None:
    """The status from the fields STATUS."""
    fields = present(STATUS, values)
    if b"state" not in fields:
        return None
    return JobStatus(
        int(fields.get(b"version", 1)),
        _STATES[fields[b"state"]],
        text(fields.get(b"state_reason")),
        fields.get(b"progress"),
        decode_traits(fields[b"traits"]).name,
        decode_redact(joined(fields, b"options")),
    )


def decode_lease(row: bytes, worker_id: str) -> Lease:
    """A lease of claim.lua: the stored fields, then those that the claim has changed."""
    fields = pairs(row.split(b"\x1e"))
    fields[b"state"], fields[b"worker_id"] = b"running", worker_id.encode()
    job = decode_job(fields[b"id"].decode(), fields, fields.get(b"shared_payload", b""))
    held = [fields[b"traits"], fields[b"created_at"]]
    for name in _HANDED_BACK:
        if name in fields:
            held += [name, fields[name]]
    if job.error is not None:
        held += [b"error", b"1"]
    return Lease(
        job,
        fields[b"token"].decode(),
        b"suspect" in fields,
        int(fields.get(b"starts_in_us", 0)),
        tuple(held),
    )


def decode_end(job: Sequence[Any], stub: Sequence[Any]) -> tuple[State, bytes | None, bytes | None] | None:
    """State, result and error of the job, or of the record that remains of a deleted one."""
    fields = present(END, job if job[0] is not None else stub)
    if b"state" not in fields:
        return None
    return _STATES[fields[b"state"]], joined(fields, b"result") or None, joined(fields, b"error") or None


def decode_item_result(index: int, job_id: str, job: Sequence[Any], stub: Sequence[Any]) -> ItemResult | None:
    """The result of an item from its fields ITEM_RESULT; None when the job was pruned."""
    fields = present(ITEM_RESULT, job if job[0] is not None else stub)
    if b"state" not in fields:
        return None
    return ItemResult(
        index,
        text(fields.get(b"key")),
        job_id,
        _STATES[fields[b"state"]],
        joined(fields, b"result") or None,
        joined(fields, b"error") or None,
        decode_redact(joined(fields, b"options")),
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
