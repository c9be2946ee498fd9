"""Recognises the variables that Kubernetes sets in every pod for each Service of its namespace.

For a Service named `triage` or `triage-api` they begin with TRIAGE_, and two of them can have the names of
settings: TRIAGE_PORT and TRIAGE_WORKER_PORT. Both name and value must match, so that misspelt settings are
still refused.
"""

import re
from collections.abc import Mapping

_ADDRESS = r"[0-9A-Fa-f.:]+"
#: Patterns of the name, after the name of the Service, and of its value.
_SHAPES = tuple(
    (re.compile(name), re.compile(value))
    for name, value in (
        (r"\w+_SERVICE_HOST", _ADDRESS),
        (r"\w+_SERVICE_PORT(_\w+)?", r"\d+"),
        (r"\w+_PORT(_\d+_(TCP|UDP|SCTP))?", r"(tcp|udp|sctp)://\[?" + _ADDRESS + r"\]?:\d+"),
        (r"\w+_PORT_\d+_(TCP|UDP|SCTP)_PROTO", r"tcp|udp|sctp"),
        (r"\w+_PORT_\d+_(TCP|UDP|SCTP)_PORT", r"\d+"),
        (r"\w+_PORT_\d+_(TCP|UDP|SCTP)_ADDR", _ADDRESS),
    )
)


def is_service_link(name: str, value: str) -> bool:
    return any(shape.fullmatch(name.upper()) and form.fullmatch(value) for shape, form in _SHAPES)


def service_links(variables: Mapping[str, str]) -> set[str]:
    """The names of the service links."""
    return {name for name, value in variables.items() if is_service_link(name, value)}


def without_service_links(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """All other variables."""
    return {
        name: value for name, value in variables.items() if value is None or not is_service_link(name, value)
    }
