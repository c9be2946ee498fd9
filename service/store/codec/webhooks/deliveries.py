"""The records of deliveries."""

from collections.abc import Mapping
from typing import Any, cast

from service.domain.webhook import Attempt, Delivery, DeliveryStatus, FailureReason
from service.store.codec.fields import pairs

#: Separates the names and values of a delivery's record, in which the last value of a name counts.
_SEPARATOR = b"\x1e"
#: What a record has besides the facts about the resource.
_OWN = frozenset(
    {
        "number", "target", "url", "event", "resource", "at", "status", "attempts", "step", "last_at",
        "last_ms", "last_status", "last_error", "due", "ended_at", "failure_reason",
    }
)  # fmt: skip


def decode_delivery(record: bytes) -> Delivery:
    fields = {name.decode(): value.decode() for name, value in pairs(record.split(_SEPARATOR)).items()}
    status = cast(DeliveryStatus, fields.get("status", "pending"))
    at = int(fields["at"])
    last = None
    if "last_at" in fields:
        last = Attempt(
            at=int(fields["last_at"]),
            duration_ms=int(fields["last_ms"]),
            status=_whole(fields, "last_status"),
            error=fields.get("last_error"),
        )
    return Delivery(
        number=int(fields["number"]),
        target=fields["target"],
        url=fields.get("url"),
        event=fields["event"],
        resource=fields["resource"],
        at=at,
        facts={name: value for name, value in fields.items() if name not in _OWN},
        status=status,
        attempts=int(fields.get("attempts", 0)),
        step=int(fields.get("step", 0)),
        last=last,
        next_attempt_at=_whole(fields, "due") or at if status == "pending" else None,
        ended_at=_whole(fields, "ended_at") if status != "pending" else None,
        failure_reason=cast(FailureReason | None, fields.get("failure_reason"))
        if status == "failed"
        else None,
    )


def encode_attempted(delivery: Delivery, attempt: Attempt, failure_reason: FailureReason | None) -> bytes:
    """The record of a delivery after an attempt; end_delivery.lua adds its status."""
    fields: dict[str, Any] = {
        "number": delivery.number,
        "target": delivery.target,
        "resource": delivery.resource,
        "at": delivery.at,
        "event": delivery.event,
        **delivery.facts,
        **({} if delivery.url is None else {"url": delivery.url}),
        "attempts": delivery.attempts + 1,
        "step": delivery.step + 1,
        "last_at": attempt.at,
        "last_ms": attempt.duration_ms,
        **({} if attempt.status is None else {"last_status": attempt.status}),
        **({} if attempt.error is None else {"last_error": attempt.error.replace("\x1e", " ")}),
        **({} if failure_reason is None else {"failure_reason": failure_reason}),
    }
    return _SEPARATOR.join(str(part).encode() for pair in fields.items() for part in pair)


def _whole(fields: Mapping[str, str], name: str) -> int | None:
    return int(fields[name]) if name in fields else None
