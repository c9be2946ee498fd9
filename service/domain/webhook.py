"""Webhooks: endpoints, the deliveries of events to them, and when a failed one is repeated."""

import hashlib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.domain.errors import TriageError
from service.domain.ids import created_ms, id_of, value_of

DeliveryStatus = Literal["pending", "delivered", "failed"]
DisabledReason = Literal["failing", "gone", "requested"]
#: Why a delivery failed: no attempts left, 410, an address that is not allowed, or its endpoint was disabled.
FailureReason = Literal["exhausted", "gone", "refused", "disabled"]

#: Stands for an endpoint in ids: it has the secret and the deliveries of all callbacks.
CALLBACKS = "callbacks"
#: Endpoints per namespace: each job that ends may add a delivery for each.
MAX_ENDPOINTS = 20
#: Seconds between the attempts of a delivery, about a day in all; each is varied by JITTER.
RETRY_SECONDS = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
JITTER = 0.2
#: The longest wait that a receiver can ask for with Retry-After, in seconds.
MAX_RETRY_AFTER = 28_800.0
#: An endpoint is disabled when every attempt has failed for this long.
DISABLE_MS = 86_400_000
#: How long a replaced secret still signs, in seconds: by default, and at most.
OVERLAP_SECONDS, MAX_OVERLAP_SECONDS = 86_400, 604_800
#: Replaced secrets that still sign; a rotation beyond that ends the oldest.
MAX_OLD_SECRETS = 3


class TooManyWebhooks(TriageError):
    code = "too_many_webhooks"
    default_message = f"The namespace has reached its limit of {MAX_ENDPOINTS} webhooks. Delete one first."


class OutboxFull(TriageError):
    code = "outbox_full"
    retryable = True
    default_message = "Too many deliveries are pending. Retry when some of them have ended."


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret. `until` is when it stops signing, in unix ms; None for the current one."""

    text: str
    until: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint, or the settings of all callbacks. Times are unix ms."""

    id: str
    version: int
    url: str
    events: tuple[str, ...]
    description: str
    #: The current one first.
    secrets: tuple[Secret, ...]
    created_at: int
    disabled_at: int | None = None
    disabled_reason: DisabledReason | None = None
    #: Since when no attempt has succeeded.
    failing_since: int | None = None
    pending: int = 0
    #: Events that were lost because too many deliveries were pending.
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One request to an endpoint. `error` says what went wrong, unless a response came (`status`)."""

    at: int
    duration_ms: int
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An event for an endpoint. `facts` has what is known of the resource, as texts."""

    number: int
    #: An endpoint's id, or the origin of a callback's URL.
    target: str
    #: The URL of a callback; None for an endpoint.
    url: str | None
    event: str
    resource: str
    at: int
    facts: Mapping[str, str]
    status: DeliveryStatus = "pending"
    attempts: int = 0
    #: The attempts since it was last sent by request: they determine the next delay.
    step: int = 0
    last: Attempt | None = None
    next_attempt_at: int | None = None
    ended_at: int | None = None
    failure_reason: FailureReason | None = None

    @property
    def webhook_id(self) -> str:
        return self.target if self.target.startswith("wh_") else CALLBACKS


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """256 random bits in the form of Standard Webhooks."""
    return f"whsec_{b64encode(random_bytes(32)).decode()}"


def next_delay(step: int, retry_after: float | None, random: Callable[[], float]) -> float | None:
    """Seconds until the next attempt after `step` earlier delays; None when no attempt is left."""
    if step >= len(RETRY_SECONDS):
        return None
    delay = RETRY_SECONDS[step] * (1 - JITTER + 2 * JITTER * random())
    return delay if retry_after is None else max(delay, min(retry_after, MAX_RETRY_AFTER))


_NUMBER_BITS = 40


def delivery_id(namespace: str, number: int, at: int) -> str:
    """The id of a delivery, which receivers see: distinct in other namespaces too."""
    return id_of("del", at << 2 * _NUMBER_BITS | _salt(namespace) << _NUMBER_BITS | number)


def delivery_number(namespace: str, id: str) -> int | None:
    """The number of the delivery with this id; None for an id of another namespace."""
    value = value_of(id)
    if value >> _NUMBER_BITS & (1 << _NUMBER_BITS) - 1 != _salt(namespace):
        return None
    return value & (1 << _NUMBER_BITS) - 1


def is_delivery(namespace: str, id: str, delivery: Delivery) -> bool:
    """Whether the id is this delivery's: its time must match as well."""
    return created_ms(id) == delivery.at and delivery_number(namespace, id) == delivery.number


def _salt(namespace: str) -> int:
    return int.from_bytes(hashlib.sha256(namespace.encode()).digest()[:5])


def event_body(delivery: Delivery, show_time: Callable[[int | None], str | None]) -> dict[str, Any]:
    """The body of each attempt: what happened to which resource, without payload, result and messages."""
    facts = delivery.facts
    kind, _, state = delivery.event.partition(".")

    def time(name: str) -> str | None:
        return show_time(int(facts[name])) if name in facts else None

    data: dict[str, Any] = {"id": delivery.resource, "object": kind}
    match kind:
        case "job":
            group = facts.get("group")
            in_flow = group is not None and group.startswith("flow_")
            error = facts.get("error")
            data |= {
                "version": int(facts.get("version", 1)),
                "name": facts["name"],
                "queue": facts["queue"],
                "state": state,
                "state_reason": facts.get("state_reason"),
                "error": None if error is None else {"type": error},
                "failures": int(facts.get("failures", 0)),
                "flow_id": group if in_flow else None,
                "flow_key": facts.get("key") if in_flow else None,
                "fan_out_id": None if in_flow else group,
                "fan_out_index": None if in_flow or "index" not in facts else int(facts["index"]),
                "created_at": time("created_at"),
                "started_at": time("started_at"),
                "finished_at": time("finished_at"),
            }
        case "flow" | "fan_out":
            counts = {name: int(facts.get(name, 0)) for name in ("total", "succeeded", "dead", "cancelled")}
            queue, _, name = facts.get("item_traits", "|").partition("|")
            data |= {
                "version": int(facts.get("version", 1)),
                "name": facts["name"] if kind == "flow" else name.partition("|")[0],
                **({} if kind == "flow" else {"queue": queue}),
                "state": state,
                "counts": counts,
                "created_at": time("created_at"),
                "finished_at": time("finished_at"),
            }
        case "queue":
            data = {"object": "queue", "name": facts["queue"], "paused": state == "paused"}
        case _:
            pass
    return {"type": delivery.event, "timestamp": show_time(delivery.at), "data": data}
