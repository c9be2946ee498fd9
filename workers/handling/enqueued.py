"""Turns a call of arq's `enqueue_job` into a JobSpec."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from arq.jobs import SerializationError
from arq.utils import to_ms

from service.domain.checks import TEN_YEARS, SpecInvalid, read_time
from service.domain.job_spec import ARQ_JOB_ID, ATTEMPTS, JobSpec, ResultForgotten, Unique, specify
from service.telemetry.spans import CURRENT
from workers.arq.settings import KEEP_RESULT_SECONDS, MAX_TRIES
from workers.calls.invocation import ARGS
from workers.calls.results import NotJson, encode_json
from workers.handling.job_specs import Reader

#: For a function that no worker knows: arq's defaults apply, as for any function without @job.
_ARQ_DEFAULTS: Mapping[str, Any] = {"retry": {"max_attempts": MAX_TRIES}}
#: The arguments of `enqueue_job` by the JobSpec field that they set.
_ARGUMENTS = {
    "/name": "function",
    "/queue": "_queue_name",
    "/delay_seconds": "_defer_by",
    "/run_at": "_defer_until",
    "/expires_seconds": "_expires",
}


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments of `enqueue_job`, by their names without the underscore."""

    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    job_id: str | None = None
    queue_name: str | None = None
    defer_until: datetime | None = None
    defer_by: int | float | timedelta | None = None
    expires: int | float | timedelta | None = None
    job_try: int | None = None


def read_call(reader: Reader, call: Call, now_ms: int, expires_extra_ms: int | None = None) -> JobSpec:
    """The JobSpec of a call.

    Raises ValueError for a job that the API would refuse, SerializationError for arguments that are not
    JSON, and TypeError for arguments that the function does not take.
    """
    if call.defer_until and call.defer_by:
        raise RuntimeError("use either 'defer_until' or 'defer_by' or neither, not both")
    given: dict[str, Any] = {"name": call.function, **_times(call, expires_extra_ms, now_ms)}
    if call.queue_name is not None:
        given["queue"] = call.queue_name
    handler, job_type = reader.handler(call.function), reader.job_type(call.function)
    if handler is not None:
        given["payload"] = handler.name_arguments(call.args, call.kwargs)
    else:
        given["payload"] = {**({ARGS: list(call.args)} if call.args else {}), **call.kwargs}

    def encode(payload: object) -> bytes:
        try:
            return encode_json(payload)
        except NotJson as error:
            raise SerializationError(f'unable to serialize job "{call.function}": {error}') from error

    try:
        spec = specify(
            given,
            job_type,
            reader.queues,
            below={} if job_type else _ARQ_DEFAULTS,
            encode=encode,
            max_payload_bytes=reader.registry.max_payload_bytes,
            traceparent=CURRENT.get(),
        )
    except SpecInvalid as error:
        if (argument := _ARGUMENTS.get(error.pointer)) is None:
            raise
        raise SpecInvalid(argument, error.row_code, error.reason) from None
    if handler is not None and handler.model is not None:
        handler.bind(orjson.loads(spec.payload))
    return replace(
        spec,
        failures=0 if call.job_try is None else ATTEMPTS(call.job_try, "_job_try") - 1,
        unique=_unique(call.job_id, {} if job_type is None else job_type.defaults),
    )


def _unique(job_id: str | None, defaults: Mapping[str, Any]) -> Unique | None:
    if not job_id:
        return None
    kept_ms = round(defaults.get("retention_seconds", KEEP_RESULT_SECONDS) * 1000)
    return Unique(ARQ_JOB_ID(job_id, "_job_id"), ResultForgotten(kept_ms), on_conflict="reject")


def _times(call: Call, expires_extra_ms: int | None, now_ms: int) -> dict[str, Any]:
    """Time fields of the JSON form; as in arq, a time in the past means now."""
    delay_ms = max(0, _milliseconds("_defer_by", call.defer_by) or 0)
    times: dict[str, Any] = {"delay_seconds": delay_ms / 1000}
    if call.defer_until is not None:
        times["run_at"] = _with_zone(call.defer_until)
        delay_ms = max(0, read_time(times["run_at"], "_defer_until") - now_ms)
    expires_ms = _milliseconds("_expires", call.expires)
    if not expires_ms and expires_extra_ms is not None:
        expires_ms = min(delay_ms + expires_extra_ms, TEN_YEARS * 1000)
    if expires_ms is not None:
        times["expires_seconds"] = expires_ms / 1000
    return times


def _milliseconds(name: str, value: int | float | timedelta | None) -> int | None:
    if value is None:
        return None
    try:
        return to_ms(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number of seconds or a timedelta, not {value!r}.") from None


def _with_zone(time: datetime) -> datetime:
    """As in arq, a time without a zone is local time."""
    if not isinstance(time, datetime) or time.utcoffset() is not None:  # pyright: ignore[reportUnnecessaryIsInstance]
        return time
    try:
        return time.astimezone()
    except (OverflowError, ValueError):
        # The first and last days of the calendar, where an offset would overflow it.
        return time.replace(tzinfo=UTC)
