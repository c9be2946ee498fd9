"""Events for webhooks, and callbacks: the URL to which a job, flow or fan-out reports its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from service.domain.checks import Check, SpecInvalid, Text, read_members, refuse

Kind = Literal["job", "flow", "fan_out"]

#: How each kind of resource can end.
OUTCOMES: Mapping[Kind, tuple[str, ...]] = {
    "job": ("succeeded", "dead", "cancelled"),
    "flow": ("succeeded", "failed", "cancelled"),
    "fan_out": ("succeeded", "failed", "cancelled"),
}
EVENTS = (
    *(f"{kind}.{outcome}" for kind, outcomes in OUTCOMES.items() for outcome in outcomes),
    "queue.paused",
    "queue.resumed",
)
#: What an endpoint may ask for: single events, all of a kind, or all.
EVENT_FILTERS = (*EVENTS, *(f"{kind}.*" for kind in (*OUTCOMES, "queue")), "*")
#: Sent to one endpoint on request.
TEST_EVENT = "webhook.test"

MAX_URL = 2_048
URL = Text(
    r"^https?://([A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?"
    r"([/?]([A-Za-z0-9._~:/?@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)?$",
    "http:// or https://, a host, and no user name, password, fragment or spaces",
)


def read_url(value: Any, pointer: str) -> str:
    """Check the form of a URL; whether its address is public is checked at each delivery."""
    url = URL(value, pointer)
    if len(url) > MAX_URL:
        raise SpecInvalid(pointer, "string_too_long", f"must have at most {MAX_URL:,} characters")
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        refuse(pointer, "value_error", "must have a valid host and port", url)
    return url


@dataclass(frozen=True, slots=True)
class Callback:
    """`outcomes` of the resource that are reported to the URL."""

    url: str
    outcomes: tuple[str, ...]


def read_callback(value: Any, pointer: str, kind: Kind = "job") -> Callback:
    """Read the JSON form; without `events`, every outcome is reported. Raises SpecInvalid."""

    def read_events(events: Any, pointer: str) -> tuple[str, ...]:
        if not isinstance(events, list | tuple) or not events:
            refuse(pointer, "list_type", "must be a list with at least one event", events)
        known = {f"{kind}.{outcome}": outcome for outcome in OUTCOMES[kind]}
        for index, event in enumerate(cast(Sequence[Any], events)):
            if not isinstance(event, str) or event not in known:
                refuse(f"{pointer}/{index}", "literal_error", f"must be {' or '.join(known)}", event)
        return tuple(outcome for event, outcome in known.items() if event in events)

    checks: Mapping[str, Check] = {"url": read_url, "events": read_events}
    found = read_members(value, pointer, checks, required=("url",))
    return Callback(found["url"], found.get("events", OUTCOMES[kind]))


def show_callback(callback: Callback | None, kind: Kind = "job") -> dict[str, Any] | None:
    """The JSON form of the request, with a hidden query."""
    if callback is None:
        return None
    return {
        "url": hide_query(callback.url),
        "events": [f"{kind}.{outcome}" for outcome in callback.outcomes],
    }


def hide_query(url: str) -> str:
    """The URL for views: its query may hold a token."""
    path, mark, _ = url.partition("?")
    return f"{path}?[redacted]" if mark else path
