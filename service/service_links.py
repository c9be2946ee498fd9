"""The variables that Kubernetes sets in every pod for each Service of its namespace.

Those of a Service named `triage` or `triage-api` begin with TRIAGE_, and two of them can have the names of
settings: TRIAGE_PORT and TRIAGE_WORKER_PORT. Names and values are matched together, so a misspelt setting is
still refused.
"""

import re
from collections.abc import Mapping

_ADDRESS = r"[0-9A-Fa-f.:]+"
#: Patterns of a name behind the name of the Service, and of the value that such a name has.
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
    """Their names."""
    return {name for name, value in variables.items() if is_service_link(name, value)}


def without_service_links(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """The other variables."""
    return {
        name: value for name, value in variables.items() if value is None or not is_service_link(name, value)
    }
