"""What `triage dev` prints once everything runs: addresses, job types, and a request that works."""

import json
import shlex
from collections.abc import Sequence
from typing import Any

from service.dev_server.example_payload import example_payload

#: The job type to try when the API does not say which ones are loaded, or the sample handlers run.
_SAMPLE = ("send-alert", {"user_id": "u-1"})
#: The most job types to list.
_MOST_TYPES = 12
#: Part of every worker, and not of the user's code.
_BUILT_IN = "http.request"


def welcome(url: str, types: Sequence[dict[str, Any]] | None, handlers: str, sample: bool) -> str:
    """`types` are the worker's; None if they are unknown."""
    origin = "sample handlers; this folder has none" if sample else handlers.replace(",", ", ")
    lines = [
        "",
        f"Triage is running: {url}  (dashboard: {url}/dashboard, API reference: {url}/docs)",
        f"Handlers: {origin}",
    ]
    if names := own_names(types or ()):
        more = f", and {len(names) - _MOST_TYPES} more" if len(names) > _MOST_TYPES else ""
        lines.append(f"Job types: {', '.join(names[:_MOST_TYPES])}{more}")
    return "\n".join([*lines, "Try:", "", f"  {_request(url, types)}", "", _END, "", ""])


_END = "Ctrl-C drains and stops everything."


def own_names(types: Sequence[dict[str, Any]]) -> list[str]:
    """The names of the user's job types: `_` and `-` are interchangeable, so each once."""
    return sorted({row["name"].replace("_", "-") for row in types} - {_BUILT_IN})


def _request(url: str, types: Sequence[dict[str, Any]] | None) -> str:
    name, payload = _example(types) if types else _SAMPLE
    body = json.dumps({"name": name, "payload": payload})
    headers = "-H 'Content-Type: application/json' -H 'Prefer: wait=10'"
    return f"curl -s -X POST {url}/v1/jobs {headers} -d {shlex.quote(body)}"


def _example(types: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """The job type with the simplest payload."""
    by_name = {row["name"].replace("_", "-"): row for row in types}
    if _SAMPLE[0] in by_name:
        return _SAMPLE[0], example_payload(by_name[_SAMPLE[0]]["payload_schema"])
    names = own_names(types) or [_SAMPLE[0]]
    payloads = {name: example_payload(by_name.get(name, {}).get("payload_schema")) for name in names}
    name = min(names, key=lambda name: (len(json.dumps(payloads[name])), name))
    return name, payloads[name]
