"""The record of a bulk action."""

from dataclasses import fields
from typing import Any, cast

import orjson

from service.domain.bulk_action import ActionState, BulkAction, BulkSpec, Verb
from service.domain.job_filter import JobFilter
from service.domain.states import State
from service.store.codec.fields import Fields, number


def encode_filter(filter: JobFilter) -> bytes:
    return orjson.dumps({field.name: getattr(filter, field.name) for field in fields(filter)})


def _decode_filter(text: bytes) -> JobFilter:
    given: dict[str, Any] = orjson.loads(text)
    if given["state"] is not None:
        given["state"] = State(given["state"])
    return JobFilter(**given)


def decode_action(id: str, found: Fields) -> BulkAction | None:
    """None when the record does not exist."""
    if b"state" not in found:
        return None
    rate, most = found[b"rate"], found[b"max"]
    return BulkAction(
        id=id,
        version=int(found[b"version"]),
        state=cast(ActionState, found[b"state"].decode()),
        spec=BulkSpec(
            verb=cast(Verb, found[b"verb"].decode()),
            filter=_decode_filter(found[b"filter"]),
            rate_per_second=float(rate) if rate else None,
            max=int(most) if most else None,
            grace_ms=int(found[b"grace_ms"]),
        ),
        succeeded=int(found[b"succeeded"]),
        skipped=int(found[b"skipped"]),
        created_at=int(found[b"created_at"]),
        finished_at=number(found.get(b"finished_at")),
        position=found[b"position"].decode(),
    )
