"""JobSpec, the limits of its fields, and the only reader of its JSON form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

import orjson

from service.domain.callback import Callback, read_callback, show_callback
from service.domain.checks import (
    Check,
    Choice,
    Number,
    Seconds,
    SpecInvalid,
    Strings,
    Text,
    Whole,
    join_pointer,
    nullable,
    read_members,
    read_object,
    read_time,
)
from service.domain.errors import PayloadTooLarge
from service.domain.record import record
from service.domain.retry import RetryPolicy

OnConflict = Literal["return_existing", "reject", "replace"]
DEFAULT_QUEUE, EVERY_QUEUE = "default", "*"
DEFAULT_PRIORITY = 100
DEFAULT_TIMEOUT_MS = 300_000
DEFAULT_RETENTION_MS = 86_400_000

NAME = Text(
    r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$",
    "1 to 128 letters, digits and . _ : -, beginning with a letter or digit",
)
KEY = Text(r"^[^\x00-\x1f\x7f|,]{1,255}$", "1 to 255 characters without | , and control characters")
#: arq users choose ids of jobs; such an id is a unique key outside any queue.
ARQ_JOB_ID = Text(r"^[^\x00-\x1f\x7f]{1,255}$", "1 to 255 characters without control characters")
TAG_KEY = Text(
    r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,63}$",
    "1 to 64 letters, digits and . _ / -, beginning with a letter or digit",
)
TAG_VALUE = Text(r"^[^\x00-\x1f\x7f]{0,64}$", "up to 64 characters without control characters")
TAGS = Strings(TAG_KEY, TAG_VALUE, 16)
PRIORITY, ATTEMPTS = Whole(0, 1000), Whole(1, 1000)
JITTER = Number(0, 1)
SECONDS, POSITIVE_SECONDS = Seconds(), Seconds(positive=True)
#: How long a unique key may be held after the submission.
UNIQUE_SECONDS = Seconds(positive=True, most=31_536_000)


@dataclass(frozen=True, slots=True)
class ResultForgotten:
    """For arq's `_job_id`: the whole namespace shares the key, held for `kept_ms` after the job finishes."""

    kept_ms: int


UniqueUntil = Literal["started", "finished"] | int | ResultForgotten


@dataclass(frozen=True, slots=True)
class Unique:
    """At most one job of a queue holds `key`, until a state of the job or for `until` milliseconds."""

    key: str
    until: UniqueUntil = "finished"
    on_conflict: OnConflict = "return_existing"


@record
class JobSpec:
    """A job as requested, with all defaults. `payload` is JSON text."""

    name: str
    payload: bytes = b"{}"
    queue: str = DEFAULT_QUEUE
    priority: int = DEFAULT_PRIORITY
    #: Relative to Redis time at admission; `run_at_ms` (unix time) has precedence.
    delay_ms: int = 0
    run_at_ms: int | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    #: Per attempt.
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    #: Relative to admission: a job that has not started by then is dead, with reason expired.
    expires_ms: int | None = None
    #: Relative to admission, over all attempts.
    deadline_ms: int | None = None
    retention_ms: int = DEFAULT_RETENTION_MS
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    limit_key: str | None = None
    unique: Unique | None = None
    callback: Callback | None = None
    #: Attempts that count as failed before the first run.
    failures: int = 0
    #: The W3C trace context of the client.
    traceparent: str | None = None
    #: JSON pointers to redact, from the job type; None when the API did not know the type.
    redact: tuple[str, ...] | None = None


#: Fields that no script reads; the record has them in one JSON text.
OPTIONS = ("retry", "timeout_ms", "traceparent", "redact", "unique")


def read_retry(value: Any, pointer: str) -> dict[str, Any]:
    """The given fields of RetryPolicy."""
    given = read_members(value, pointer, _RETRY)
    return {_RETRY_ATTRIBUTES.get(name, name): part for name, part in given.items()}


_RETRY: Mapping[str, Check] = {
    "max_attempts": ATTEMPTS,
    "backoff": Choice("fixed", "linear", "exponential"),
    "delay_seconds": SECONDS,
    "max_delay_seconds": SECONDS,
    "jitter": JITTER,
}
_RETRY_ATTRIBUTES = {"delay_seconds": "delay_ms", "max_delay_seconds": "max_delay_ms"}


def read_unique(value: Any, pointer: str) -> Unique:
    return Unique(**read_members(value, pointer, _UNIQUE, required=("key",)))


def _until(value: Any, pointer: str) -> UniqueUntil:
    if isinstance(value, str):
        return Choice("started", "finished")(value, pointer)
    return UNIQUE_SECONDS(value, pointer)


_UNIQUE: Mapping[str, Check] = {
    "key": KEY,
    "until": _until,
    "on_conflict": Choice("return_existing", "reject", "replace"),
}


def _show_seconds(ms: int | None) -> float | None:
    return None if ms is None else ms / 1000


def _show_retry(retry: RetryPolicy) -> dict[str, Any]:
    return {
        "max_attempts": retry.max_attempts,
        "backoff": retry.backoff,
        "delay_seconds": retry.delay_ms / 1000,
        "max_delay_seconds": retry.max_delay_ms / 1000,
        "jitter": retry.jitter,
    }


def _show_unique(unique: Unique | None) -> dict[str, Any] | None:
    if unique is None:
        return None
    until = unique.until / 1000 if isinstance(unique.until, int) else unique.until
    return {"key": unique.key, "until": until, "on_conflict": unique.on_conflict}


def _same(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Field:
    """A member of the JSON form, and its attribute of JobSpec and Job."""

    read: Check
    attribute: str
    #: Converts the attribute back to JSON; None for attributes that a job shows in another form.
    show: Callable[[Any], Any] | None = _same
    #: Job types and queues may have a default for it.
    of_types: bool = False
    of_queues: bool = False


#: All fields except `payload`, whose limit is a setting.
FIELDS: Mapping[str, Field] = {
    "name": Field(NAME, "name"),
    "queue": Field(NAME, "queue", of_types=True),
    "priority": Field(PRIORITY, "priority", of_types=True, of_queues=True),
    "delay_seconds": Field(SECONDS, "delay_ms", show=None),
    "run_at": Field(nullable(read_time), "run_at_ms", show=None),
    "retry": Field(read_retry, "retry", _show_retry, of_types=True, of_queues=True),
    "timeout_seconds": Field(POSITIVE_SECONDS, "timeout_ms", _show_seconds, of_types=True, of_queues=True),
    "expires_seconds": Field(nullable(POSITIVE_SECONDS), "expires_ms", _show_seconds, of_types=True),
    "deadline_seconds": Field(nullable(POSITIVE_SECONDS), "deadline_ms", _show_seconds, of_types=True),
    "retention_seconds": Field(SECONDS, "retention_ms", _show_seconds, of_types=True),
    "tags": Field(TAGS, "tags", dict),
    "limit_key": Field(nullable(KEY), "limit_key"),
    "unique": Field(nullable(read_unique), "unique", _show_unique),
    "callback": Field(nullable(read_callback), "callback", show_callback),
}
_ATTRIBUTES = {name: row.attribute for name, row in FIELDS.items()}
OF_TYPES = {name: row.read for name, row in FIELDS.items() if row.of_types}
_SHOWN = [(name, row.attribute, row.show) for name, row in FIELDS.items() if row.show is not None]
_CHECKS: Mapping[str, Check] = {name: row.read for name, row in FIELDS.items()} | {"payload": read_object}
_NOTHING: Mapping[str, Any] = {}


class Inherited(Protocol):
    """What a job inherits from its type."""

    @property
    def defaults(self) -> Mapping[str, Any]: ...
    @property
    def redact(self) -> tuple[str, ...]: ...


def specify(
    given: Any,
    job_type: Inherited | None = None,
    queues: Mapping[str, Mapping[str, Any]] = _NOTHING,
    *,
    root: str = "",
    below: Mapping[str, Any] = _NOTHING,
    inside: Literal["flow", "fan-out"] | None = None,
    encode: Callable[[Any], bytes] = orjson.dumps,
    max_payload_bytes: int | None = None,
    traceparent: str | None = None,
) -> JobSpec:
    """The job that `given` describes in the JSON form of JobSpec; raises SpecInvalid or PayloadTooLarge.

    Absent fields come from the job type, else its queue, the namespace, or `below`. `root` is the pointer to
    `given` in the caller's document. Jobs `inside` a group cannot be unique.
    """
    document = read_object(given, root)
    defaults = _NOTHING if job_type is None else _known(job_type.defaults)
    queue = document.get("queue", defaults.get("queue", DEFAULT_QUEUE))
    of_queue = queues.get(queue) if isinstance(queue, str) else None
    if defaults:
        document = merge_defaults(defaults, document)
    if of_queue:
        document = merge_defaults(_known(of_queue), document)
    if of_all := queues.get(EVERY_QUEUE):
        document = merge_defaults(_known(of_all), document)
    if below:
        document = merge_defaults(below, document)
    values = read_members(document, root, _CHECKS, required=("name",))
    if inside is not None and values.get("unique") is not None:
        raise SpecInvalid(join_pointer(root, "unique"), "unsupported", f"not inside a {inside}")
    payload = encode_payload(values.pop("payload", _NOTHING), f"{root}/payload", encode, max_payload_bytes)
    found = {_ATTRIBUTES[name]: value for name, value in values.items()}
    if "retry" in found:
        found["retry"] = RetryPolicy(**found["retry"])
    redact = None if job_type is None else job_type.redact
    return JobSpec(**found, payload=payload, traceparent=traceparent, redact=redact)


def encode_payload(
    payload: Any, pointer: str, encode: Callable[[Any], bytes] = orjson.dumps, most: int | None = None
) -> bytes:
    """The JSON text; raises SpecInvalid or PayloadTooLarge."""
    try:
        text = encode(read_object(payload, pointer))
    except SpecInvalid:
        raise
    except (TypeError, ValueError) as error:
        raise SpecInvalid(pointer, "json_invalid", str(error)) from error
    if most is not None and len(text) > most:
        raise PayloadTooLarge.at(pointer, len(text), most)
    return text


def check_defaults(defaults: Mapping[str, Any]) -> None:
    """Raises SpecInvalid for values that no client could send, and for fields that cannot have defaults."""
    read_members(defaults, "", OF_TYPES)


def merge_defaults(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two JSON forms; the fields of `retry` are merged one by one."""
    merged = {**below, **above}
    lower, upper = below.get("retry"), above.get("retry")
    if lower and upper and isinstance(lower, Mapping) and isinstance(upper, Mapping):
        merged["retry"] = {**lower, **upper}
    return merged


def change_retry(retry: RetryPolicy, changes: Any, pointer: str = "/retry") -> RetryPolicy:
    """The policy with `changes`, which are in JSON form; raises SpecInvalid."""
    return replace(retry, **read_retry(changes, pointer))


def show(job: Any) -> dict[str, Any]:
    """The JSON form of the request for a stored job."""
    return {
        name: getattr(job, attribute) if write is _same else write(getattr(job, attribute))
        for name, attribute, write in _SHOWN
    }


def _known(defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Without fields that a newer process may have added; the others were checked when stored."""
    known = {name: value for name, value in defaults.items() if name in OF_TYPES}
    if isinstance(retry := known.get("retry"), Mapping):
        known["retry"] = {name: value for name, value in retry.items() if name in _RETRY}
    return known
